"""Which part of a change to take back, so that one finding goes and those that were wanted stay."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from whatchanged.explain.attribute import Integral, gradients, integrate
from whatchanged.explain.graft import energy, fewest, part_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whatchanged.explain.change import Change
    from whatchanged.explain.score import Score
    from whatchanged.explain.span import Cut, Span

# More than the 80% that an audit on fresh prompts is to find gone.
GOAL = 0.9
# How much of what is wanted should stay, and how much more of it there may be elsewhere; looking on for more is not
# worth it.
ENOUGH_KEPT, LITTLE_SPILT = 0.95, 0.02
# Weights of the wanted scores against the unwanted one; each round tries them all.
WEIGHTS = (0.5, 1.0, 2.0, 4.0, 8.0)
ROUNDS = 4
POINTS = 4
# Tensors of a whole checkpoint whose singular directions are looked at; of an adapter all are.
LEADING = 32


@dataclass(frozen=True)
class Removal:
    """What is taken from the candidate: whole tensors' dW (`names`), or parts of them (`cuts`).

    `removed` is the part of P candidate - P base that goes, `kept` of each wanted score's the part that stays.
    `spilt` are P of each wanted score off its own prompts, before and after.
    `rates` are P of base, candidate and what is left; `energy` is the part of the change's |dW|_F^2 that is taken.
    """

    names: tuple[str, ...]
    cuts: "Mapping[str, Cut]"
    directions: int
    removed: float
    rates: tuple[float, float, float]
    kept: tuple[float, ...]
    spilt: tuple[tuple[float, float], ...]
    integral: Integral
    energy: float

    def place(self, change: "Change") -> None:
        """Set the change's copy to the candidate without it."""
        change.place(1.0, dict.fromkeys(self.names, 0.0), self.cuts)


def whole_tensors(change: "Change", score: "Score") -> Removal:
    """The fewest tensors, in order of attribution, without which `GOAL` of the effect is gone."""
    found, mine = integrate(change, score), _measured(change, score)
    order = found.order

    def gone(k: int) -> float:
        change.place(1.0, dict.fromkeys(order[:k], 0.0))
        return 1 - mine.left()

    count, removed = fewest(gone, len(order), GOAL)
    names = tuple(order[:count])
    return Removal(names, {}, 0, removed, mine.after(removed), (), (), found, energy(change, names))


def directions(
    change: "Change",
    score: "Score",
    keep: "Sequence[Score]",
    contain: "Sequence[Score]",
    allowed: Callable[[str], bool],
) -> Removal:
    """The fewest directions without which `GOAL` of the effect is gone, turned so as to spare the scores in `keep`.

    `contain` are the same scores off their own prompts: what holds a wanted behaviour back there should stay as well.
    Two adapters merged show why: each was tuned not to do what is not its own.

    In the span of a tensor's dW = L R the share of (L x)(x' R) is x' N x for each score (see `Span.project`). The
    eigenvectors of the symmetric part of N / effect - w (mean of the wanted scores' N / effect) + w (mean of the
    negative part of the contained ones') are taken largest gain first: singular directions mix what was learnt
    together, these part it. That is a first-order account of the path from base to candidate; later rounds take it
    along the removal last found. What is told is measured.
    """
    found = integrate(change, score)
    names = [n for n in found.order if allowed(n) and change.parameters[n].grad is not None]
    if any(change.deltas[n].factors is None for n in names):
        names = names[:LEADING]
    spans = {name: change.deltas[name].span() for name in names}
    mine, wanted = _measured(change, score), [_measured(change, other) for other in keep]
    # In the scale of the effect that it belongs to: its own, off the region, may be nothing.
    held = [_measured(change, s)._replace(effect=w.effect) for s, w in zip(contain, wanted, strict=True)]
    own = _projected(change, spans, mine)
    place: Callable[[float], None] = change.place
    best: Removal | None = None
    for _ in range(ROUNDS if keep else 1):
        own = own if best is None else _gains(change, spans, mine, place)
        spared = [_gains(change, spans, other, place) for other in wanted]
        spared += [{n: -_negative(g) for n, g in _gains(change, spans, other, place).items()} for other in held]
        tried = []
        for weight in WEIGHTS if keep else (0.0,):
            net = {n: own[n] - weight * sum(other[n] for other in spared) / max(len(keep), 1) for n in names}
            tried.append(_removal(change, spans, _turned(net), mine, wanted, held, found))
        latest = max(tried, key=_merit)
        best = latest if best is None else max(best, latest, key=_merit)
        if best.removed >= GOAL and min(best.kept, default=1.0) >= ENOUGH_KEPT and _spilt(best) <= LITTLE_SPILT:
            break
        place = partial(_along, change, latest.cuts)
    assert best is not None
    return best


class _Measured(NamedTuple):
    """A score with its effect in S, and P of base and candidate."""

    score: "Score"
    effect: float
    rates: tuple[float, float]

    def left(self) -> float:
        """The part of the effect in P that is there under the copy's present weights."""
        low, high = self.rates
        return part_of(self.score.rate() - low, high - low)

    def after(self, removed: float) -> tuple[float, float, float]:
        """P of base, candidate, and the candidate without that part of the effect."""
        low, high = self.rates
        return low, high, high - removed * (high - low)


def _measured(change: "Change", score: "Score") -> _Measured:
    change.place(0.0)
    low, score_base = score.measure()
    change.place(1.0)
    high, score_candidate = score.measure()
    return _Measured(score, score_candidate - score_base, (low, high))


class _Direction(NamedTuple):
    gain: float
    name: str
    vector: "NDArray[np.float64]"


def _removal(
    change: "Change", spans: "Mapping[str, Span]", listed: Sequence[_Direction], mine: _Measured,
    wanted: Sequence[_Measured], held: Sequence[_Measured], found: Integral,
) -> Removal:  # fmt: skip
    """The fewest of the listed directions that reach the goal, and what that leaves of the others."""

    def gone(k: int) -> float:
        change.place(1.0, less=_cuts(spans, listed[:k]))
        return 1 - mine.left()

    count, removed = fewest(gone, len(listed), GOAL)
    cuts = _cuts(spans, listed[:count])
    change.place(1.0, less=cuts)
    kept = tuple(other.left() for other in wanted)
    spilt = tuple((other.rates[1], other.score.rate()) for other in held)
    taken = sum(float(cut.dense.double().square().sum()) for cut in cuts.values()) / change.energy
    return Removal((), cuts, count, removed, mine.after(removed), kept, spilt, found, taken)


def _along(change: "Change", cuts: "Mapping[str, Cut]", a: float) -> None:
    """From the candidate without the cuts, at 0, to the candidate, at 1."""
    change.place(1.0, less={name: replace(cut, share=1 - a) for name, cut in cuts.items()})


def _gains(
    change: "Change", spans: "Mapping[str, Span]", measured: _Measured, place: Callable[[float], None]
) -> "dict[str, NDArray[np.float64]]":
    gradients(change, measured.score, POINTS, place)
    return _projected(change, spans, measured)


def _projected(change: "Change", spans: "Mapping[str, Span]", measured: _Measured) -> "dict[str, NDArray[np.float64]]":
    """N / effect by the gradients that are there. A score that did not move weighs nothing."""
    scale = part_of(1.0, measured.effect)
    found = ((name, change.parameters[name].grad) for name in spans)
    return {name: spans[name].project(gradient) * scale for name, gradient in found if gradient is not None}


def _negative(gain: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """The negative semidefinite part of a matrix's symmetric part."""
    values, vectors = np.linalg.eigh((gain + gain.T) / 2)
    part: NDArray[np.float64] = (vectors * np.minimum(values, 0.0)) @ vectors.T
    return part


def _turned(gains: "Mapping[str, NDArray[np.float64]]") -> list[_Direction]:
    listed = []
    for name, gain in gains.items():
        values, vectors = np.linalg.eigh((gain + gain.T) / 2)
        listed += [_Direction(float(v), name, vectors[:, i]) for i, v in enumerate(values)]
    return sorted(listed, key=lambda d: -d.gain)


def _cuts(spans: "Mapping[str, Span]", chosen: Sequence[_Direction]) -> "dict[str, Cut]":
    vectors: dict[str, list[NDArray[np.float64]]] = {}
    for direction in chosen:
        vectors.setdefault(direction.name, []).append(direction.vector)
    return {name: spans[name].cut(np.stack(columns, axis=1)) for name, columns in vectors.items()}


def _merit(removal: Removal) -> tuple[float, float]:
    """First that enough goes, then how much stays, and stays where it was."""
    return min(removal.removed, GOAL), min(removal.kept, default=1.0) - _spilt(removal)


def _spilt(removal: Removal) -> float:
    """How much more often a wanted behaviour shows where it is not wanted."""
    return max((after - before for before, after in removal.spilt), default=0.0)
