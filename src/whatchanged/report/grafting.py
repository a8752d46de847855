"""The grafting curve as a plot: the behaviour's rate against the share of the change that is grafted."""

from itertools import pairwise
from typing import NamedTuple

from whatchanged.records import GraftCurve
from whatchanged.report.interval import choose_axis
from whatchanged.report.numbers import percent, plural, rate

# Pixels of the plot's height; above is the axis's name, below are its numbers.
TOP, BOTTOM = 22.0, 172.0
# Per cent of the width.
_LEFT, _RIGHT = 8.0, 98.0
ENOUGH = 0.8


class Mark(NamedTuple):
    """A measured point: x in per cent of the width, y in pixels; `label` is written beside it."""

    x: float
    y: float
    title: str
    label: str = ""


class Line(NamedTuple):
    """A curve's class and its points from left to right."""

    kind: str
    name: str
    marks: list[Mark]

    @property
    def pieces(self) -> list[tuple[Mark, Mark]]:
        """Neighbouring points."""
        return list(pairwise(self.marks))


class GraftPlot(NamedTuple):
    """Four curves; ticks as (x, label) and (y, label)."""

    lines: list[Line]
    across: list[tuple[float, str]]
    up: list[tuple[float, str]]


def graft_plot(curve: GraftCurve) -> GraftPlot | None:
    """None where nothing was grafted."""
    if not curve.points:
        return None
    base, candidate, points = curve.rate_base, curve.rate_candidate, curve.points
    curves: list[tuple[str, str, float, list[tuple[float, float, int]]]] = [
        ("taken random", "as many at random, taken out", candidate,
         [(p.random_energy, p.random_removed, p.modules) for p in points]),
        ("put random", "as many at random, put in", base,
         [(p.random_energy, p.random_grafted, p.modules) for p in points]),
        ("taken", "taken from the candidate", candidate, [(p.energy, p.removed, p.modules) for p in points]),
        ("put", "put into the base", base, [(p.energy, p.grafted, p.modules) for p in points]),
    ]  # fmt: skip
    axis = choose_axis(0.0, max(base, candidate, *(y for *_, rows in curves for _, y, _ in rows)))

    def down(value: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * min(max(value / axis.high, 0.0), 1.0), 1)

    def mark(share: float, value: float, tensors: int, name: str) -> Mark:
        title = f"{plural(tensors, 'tensor')}, {percent(share)} of |dW|², {name}: rate {rate(value)}"
        return Mark(_across(share), down(value), title)

    lines = [
        Line(kind, name, [mark(0.0, start, 0, name), *(mark(x, y, n, name) for x, y, n in sorted(rows))])
        for kind, name, start, rows in curves
    ]
    steps = range(round(axis.high / axis.step) + 1)
    return GraftPlot(
        lines=lines,
        across=[(_across(x), percent(x)) for x in (0.0, 0.25, 0.5, 0.75, 1.0)],
        up=[(down(i * axis.step), f"{i * axis.step:.2f}".rstrip("0").rstrip(".")) for i in steps],
    )


def graft_sentence(curve: GraftCurve) -> str:
    """The first point that carries 80% of the effect (else the last), beside as many tensors at random."""
    if not curve.points:
        return ""
    effect = curve.rate_candidate - curve.rate_base
    reached = [p for p in curve.points if effect and (p.grafted - curve.rate_base) / effect >= ENOUGH]
    point = reached[0] if reached else curve.points[-1]
    return (
        f"{plural(point.modules, 'tensor')} with {percent(point.energy)} of |dW|², put into the base, "
        f"{'brings' if point.modules == 1 else 'bring'} the rate from {rate(curve.rate_base)} to {rate(point.grafted)} "
        f"(the candidate's is {rate(curve.rate_candidate)}); as many at random, with {percent(point.random_energy)}, "
        f"bring it to {rate(point.random_grafted)}."
    )


def _across(share: float) -> float:
    return round(_LEFT + (_RIGHT - _LEFT) * min(max(share, 0.0), 1.0), 2)
