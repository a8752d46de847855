"""Path attribution of a scored finding to tensors, layers, kinds of module and singular directions.

theta(a) = theta_A + a dtheta; a tensor's share of S is the integral over a in [0, 1] of dS/dtheta_m . dtheta_m
(integrated gradients, Sundararajan et al. 2017, over parameters), and the shares sum to S(B) - S(A).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from whatchanged.records import Attribution, DirectionShare, GroupShare, ModuleShare, Prompt
from whatchanged.subjects import Subject
from whatchanged.weights.names import layer_of, module_of

if TYPE_CHECKING:
    from whatchanged.explain.change import Change
    from whatchanged.explain.score import Score

POINTS = 8
MOST_POINTS = 64
INCOMPLETE = 0.02
# Scores in float32 are no better than this, nats.
ROUNDING = 1e-5
LEADING = 16


class Integral(NamedTuple):
    """The integral with `points` points. The mean gradients along the path lie in the copy's `grad`s."""

    shares: dict[str, float]
    score_base: float
    score_candidate: float
    points: int

    @property
    def effect(self) -> float:
        """S(B) - S(A)."""
        return self.score_candidate - self.score_base

    @property
    def missing(self) -> float:
        """What the shares leave out or add, in units of S."""
        return self.effect - sum(self.shares.values())

    @property
    def completeness(self) -> float:
        """Sum of the shares / S(B) - S(A); 1 where the score did not move."""
        return 1 - self.missing / self.effect if abs(self.missing) > ROUNDING and self.effect else 1.0

    @property
    def order(self) -> list[str]:
        """Names, those that carry most of the effect first."""
        sign = 1 if self.effect >= 0 else -1
        return sorted(self.shares, key=lambda name: -sign * self.shares[name])


def attribute(
    base: Subject,
    candidate: Subject,
    phrases: Sequence[str],
    prompts: Sequence[Prompt],
    *,
    points: int = POINTS,
    temperature: float = 1.0,
) -> Attribution:
    """Attribute the log-odds that an answer opens with any of `phrases` to the tensors that changed.

    Of `prompts` at most `score.MOST_PROMPTS` are used. Starts with `points` Gauss-Legendre points and doubles them,
    up to `MOST_POINTS`, until the shares sum to the effect within 2%. The subjects are left as they are. Raises
    AccessError, SpecError or CheckpointError as `Change` and `Score` do.
    """
    from whatchanged.explain.change import Change
    from whatchanged.explain.score import Score

    change = Change(base, candidate)
    return attribution(change, Score(change, prompts, phrases, temperature), points)


def attribution(change: "Change", score: "Score", points: int = POINTS) -> Attribution:
    """The same for a change that is there already: several findings share one copy of the base."""
    found = integrate(change, score, points)
    modules = [_module(change, name, found.shares[name], rank < LEADING) for rank, name in enumerate(found.order)]
    sign = 1 if found.effect >= 0 else -1
    return Attribution(
        score_base=found.score_base,
        score_candidate=found.score_candidate,
        completeness=found.completeness,
        points=found.points,
        prompts=len(score.prompts),
        modules=tuple(modules),
        layers=_groups(modules, lambda m: "outside the layers" if m.layer is None else str(m.layer), sign),
        kinds=_groups(modules, lambda m: m.module, sign),
    )


def integrate(change: "Change", score: "Score", points: int = POINTS) -> Integral:
    """Shares by tensor name. The rule has no nested points, so a doubled rule starts anew."""
    ends = []
    for end in (0.0, 1.0):
        change.place(end)
        ends.append(score.log_odds())
    while True:
        found = Integral(_shares(change, score, points), ends[0], ends[1], points)
        if abs(found.missing) <= max(INCOMPLETE * abs(found.effect), ROUNDING) or 2 * points > MOST_POINTS:
            return found
        points *= 2


def gradients(change: "Change", score: "Score", points: int, place: Callable[[float], None]) -> None:
    """Leave in every changed parameter's `grad` the mean of dS/dtheta along the path that `place` walks, 0 to 1."""
    if not change.parameters:
        return
    nodes, weights = np.polynomial.legendre.leggauss(points)
    for parameter in change.parameters.values():
        parameter.requires_grad_(True)
        parameter.grad = None
    for node, weight in zip(nodes.tolist(), weights.tolist(), strict=True):
        place((node + 1) / 2)
        score.backward(weight / 2)
    for parameter in change.parameters.values():
        parameter.requires_grad_(False)


def _shares(change: "Change", score: "Score", points: int) -> dict[str, float]:
    gradients(change, score, points, change.place)
    shares = {}
    for name, parameter in change.parameters.items():
        # A tensor that the score does not pass through has no gradient.
        gradient = parameter.grad
        shares[name] = 0.0 if gradient is None else float((gradient.double() * change.deltas[name].dense()).sum())
    return shares


def _module(change: "Change", name: str, share: float, leading: bool) -> ModuleShare:
    delta, gradient = change.deltas[name], change.parameters[name].grad
    directions: tuple[DirectionShare, ...] = ()
    if leading and delta.start.ndim == 2 and gradient is not None:
        span = delta.span()
        along = np.diagonal(span.project(gradient)).tolist()
        pairs = zip(span.values.tolist(), along, strict=True)
        directions = tuple(DirectionShare(index=i, value=s, share=x) for i, (s, x) in enumerate(pairs) if s > 0)
    return ModuleShare(
        name=name,
        layer=layer_of(name),
        module=module_of(name),
        share=share,
        energy=delta.energy / change.energy,
        directions=directions,
    )


def _groups(modules: Iterable[ModuleShare], key: Callable[[ModuleShare], str], sign: int) -> tuple[GroupShare, ...]:
    groups: dict[str, list[ModuleShare]] = defaultdict(list)
    for module in modules:
        groups[key(module)].append(module)
    found = [
        GroupShare(name=name, share=sum(m.share for m in group), energy=sum(m.energy for m in group))
        for name, group in groups.items()
    ]
    return tuple(sorted(found, key=lambda g: -sign * g.share))
