"""The causal check of an attribution: add only some tensors' dW to the base, or take only those from the candidate."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from whatchanged.records import Attribution, Carried, Carriers, GraftCurve, GraftPoint, Prompt

if TYPE_CHECKING:
    import torch

    from whatchanged.explain.change import Change
    from whatchanged.explain.score import Score

TARGET = 0.8


class Grafted(NamedTuple):
    """Mean P of the phrase and mean S, with tensors added to the base and with them taken from the candidate."""

    added: float
    added_score: float
    removed: float
    removed_score: float


def grafted(change: "Change", score: "Score", names: Sequence[str], share: float = 1.0) -> Grafted:
    """The named tensors' dW, times `share`, added to the base; and the same taken from the candidate.

    With all names and share 1 that is the candidate, and the base.
    """
    change.place(0.0, dict.fromkeys(names, share))
    added = score.measure()
    change.place(1.0, dict.fromkeys(names, 1.0 - share))
    return Grafted(*added, *score.measure())


def ends(change: "Change", score: "Score") -> tuple[float, float]:
    """Mean P of base and candidate."""
    change.place(0.0)
    base = score.rate()
    change.place(1.0)
    return base, score.rate()


def grafting_curve(change: "Change", score: "Score", found: Attribution, *, seed: int = 0) -> GraftCurve:
    """P with the top k = 1, 2, 4, ... tensors added and removed, beside as many drawn at random."""
    order = found.order
    shuffled = [order[i] for i in np.random.default_rng(seed).permutation(len(order))]
    base, candidate = ends(change, score)
    points = []
    for k in _doubled(len(order)):
        top, random = grafted(change, score, order[:k]), grafted(change, score, shuffled[:k])
        points.append(
            GraftPoint(
                modules=k,
                energy=energy(change, order[:k]),
                grafted=top.added,
                removed=top.removed,
                random_energy=energy(change, shuffled[:k]),
                random_grafted=random.added,
                random_removed=random.removed,
            )
        )
    return GraftCurve(rate_base=base, rate_candidate=candidate, seed=seed, points=tuple(points))


def carriers(
    change: "Change", score: "Score", found: Attribution, elsewhere: Sequence[Prompt] = (), target: float = TARGET
) -> Carriers:
    """How few tensors, and how few singular directions, carry `target` of the effect P candidate - P base.

    `elsewhere` are prompts off the finding's region, on which the price of the removal is measured.
    """
    base, candidate = ends(change, score)
    order = found.order

    def restored(k: int) -> float:
        change.place(0.0, dict.fromkeys(order[:k], 1.0))
        return part_of(score.rate() - base, candidate - base)

    def ended(k: int) -> float:
        change.place(1.0, dict.fromkeys(order[:k], 0.0))
        return part_of(candidate - score.rate(), candidate - base)

    added, removed = fewest(restored, len(order), target), fewest(ended, len(order), target)
    gone = order[: removed[0]]
    apart = distances(change, elsewhere, lambda: change.place(1.0, dict.fromkeys(gone, 0.0)))
    return Carriers(
        target=target,
        grafting=_carried(change, order, added),
        removing=_carried(change, order, removed),
        directions=_directions(change, score, found, (base, candidate), target),
        elsewhere_with=apart[0],
        elsewhere_without=apart[1],
        elsewhere_moved=apart[2],
    )


def fewest(measure: Callable[[int], float], most: int, target: float) -> tuple[int, float]:
    """(k, measure(k)): the least k that reaches the target among 1 .. most, if the measure rises with k.

    Doubles k, then halves the gap. (most, measure(most)) where none of those tried does.
    """
    low = 0
    for high in _doubled(most):
        reached = measure(high)
        if reached >= target:
            break
        low = high
    else:
        return most, (reached if most else 0.0)
    while high - low > 1:
        middle = (low + high) // 2
        if (there := measure(middle)) >= target:
            high, reached = middle, there
        else:
            low = middle
    return high, reached


def part_of(moved: float, effect: float) -> float:
    """moved / effect; 0 where there is no effect."""
    return moved / effect if effect else 0.0


def energy(change: "Change", names: Sequence[str]) -> float:
    """Part of the whole change's |dW|_F^2 that the named tensors hold."""
    return sum(change.deltas[name].energy for name in names) / change.energy if change.deltas else 0.0


def distances(
    change: "Change", prompts: Sequence[Prompt], remove: Callable[[], None]
) -> tuple[float, float, float] | tuple[None, None, None]:
    """Mean total variations of first tokens: base to candidate, base to and candidate to what `remove` leaves.

    `remove` places the copy. Nothing is measured without prompts.
    """
    from whatchanged.explain.score import MOST_PROMPTS, first_tokens

    if not prompts:
        return None, None, None
    prompts = prompts[:MOST_PROMPTS]
    laws = []
    for share in (0.0, 1.0):
        change.place(share)
        laws.append(first_tokens(change, prompts))
    remove()
    laws.append(first_tokens(change, prompts))
    base, candidate, left = laws
    return _distance(base, candidate), _distance(base, left), _distance(candidate, left)


def _distance(p: "torch.Tensor", q: "torch.Tensor") -> float:
    return float((p - q).abs().sum(-1).mean() / 2)


def _directions(
    change: "Change", score: "Score", found: Attribution, rates: tuple[float, float], target: float
) -> Carried | None:
    """Singular directions of the leading tensors in order of their shares; None where they do not carry enough."""
    base, candidate = rates
    sign = 1 if found.score_candidate >= found.score_base else -1
    listed = [(m.name, d) for m in found.modules for d in m.directions]
    listed.sort(key=lambda item: -sign * item[1].share)
    spans = {name: change.deltas[name].span() for name in {name for name, _ in listed}}

    def ended(k: int) -> float:
        chosen: dict[str, list[int]] = {}
        for name, direction in listed[:k]:
            chosen.setdefault(name, []).append(direction.index)
        cuts = {n: spans[n].cut(np.eye(len(spans[n].values))[:, columns]) for n, columns in chosen.items()}
        change.place(1.0, less=cuts)
        return part_of(candidate - score.rate(), candidate - base)

    count, share = fewest(ended, len(listed), target)
    if share < target:
        return None
    held = sum(d.value**2 for _, d in listed[:count]) / change.energy
    members = tuple(f"{name}#{d.index}" for name, d in listed[:count])
    return Carried(count=count, of=len(listed), share=share, energy=held, members=members)


def _carried(change: "Change", order: Sequence[str], found: tuple[int, float]) -> Carried:
    chosen = order[: found[0]]
    held = energy(change, chosen)
    return Carried(count=len(chosen), of=len(order), share=found[1], energy=held, members=tuple(chosen))


def _doubled(most: int) -> list[int]:
    """1, 2, 4, ... and `most`."""
    steps = [1 << i for i in range(most.bit_length()) if 1 << i < most]
    return [*steps, most] if most else []
