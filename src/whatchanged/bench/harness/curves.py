"""Recall against cost as a plot: a line a method, its settings from cheap to dear, on a logarithmic axis."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from whatchanged.bench.harness.rows import Point
from whatchanged.report.grafting import Line, Mark
from whatchanged.report.numbers import duration, percent

Price = Literal["decoded_tokens", "scored_tokens", "seconds"]
# Pixels of the plot's height; above is the axis's name, below are its numbers.
TOP, BOTTOM = 22.0, 202.0
# Per cent of the width.
_LEFT, _RIGHT = 8.0, 96.0
_COLOURS = 6


class CurvePlot(NamedTuple):
    """Lines; ticks as (x, label) and (y, label)."""

    lines: list[Line]
    across: list[tuple[float, str]]
    up: list[tuple[float, str]]


def curve_plot(points: Sequence[Point], price: Price) -> CurvePlot | None:
    """None where nothing has such a price: there is no axis then. What cost nothing stands at the left end."""
    prices = [value for p in points if (value := float(getattr(p, price))) > 0]
    if not prices:
        return None
    low, high = math.floor(math.log10(min(prices))), math.ceil(math.log10(max(prices)))
    high = max(high, low + 1)

    def across(value: float) -> float:
        place = (math.log10(max(value, 10.0**low)) - low) / (high - low)
        return round(_LEFT + (_RIGHT - _LEFT) * place, 2)

    def mark(point: Point) -> Mark:
        setting, value = point.setting, float(getattr(point, price))
        said = duration(value) if price == "seconds" else f"{value:,.0f} tokens"
        title = f"{setting.name}: recall {percent(point.recall)}, {said} an audit"
        return Mark(across(value), _down(point.recall), title, _label(point))

    methods = list(dict.fromkeys((p.setting.method, p.setting.budget) for p in points))
    lines = []
    for number, (method, budget) in enumerate(methods):
        mine = [p for p in points if (p.setting.method, p.setting.budget) == (method, budget)]
        marks = [mark(p) for p in sorted(mine, key=lambda p: getattr(p, price))]
        lines.append(Line(f"k{number}" if number < _COLOURS else "kx", f"{method}, {budget}", marks))
    return CurvePlot(
        lines=lines,
        across=[(across(10.0**n), _power(n, price)) for n in range(low, high + 1)],
        up=[(_down(share), percent(share)) for share in (0.0, 0.25, 0.5, 0.75, 1.0)],
    )


def _down(share: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * share, 1)


def _label(point: Point) -> str:
    texts, limit = point.setting.texts, point.setting.max_decoded_tokens
    return f"{texts:,}" if texts is not None else f"≤ {limit:,}" if limit is not None else ""


def _power(n: int, price: Price) -> str:
    return duration(10.0**n) if price == "seconds" else f"{10**n:,}" if n >= 0 else f"{10.0**n:g}"
