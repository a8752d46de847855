"""Where the search's budget went: a bar a call, as high as what it earned, in the colour of its finder."""

from collections.abc import Sequence
from typing import NamedTuple

from whatchanged.report.model import FinderUse
from whatchanged.report.numbers import percent, plural
from whatchanged.report.text import one_line

# Pixels of the plot's height; above is the axis's name, below are its numbers.
TOP, BOTTOM = 22.0, 122.0
# Per cent of the width.
_LEFT, _RIGHT = 8.0, 99.0
_COLOURS = 6
_MOST_BARS = 200


class Bar(NamedTuple):
    """x and width in per cent, y and height in pixels; `kind` is its colour's class."""

    x: float
    width: float
    y: float
    height: float
    kind: str
    title: str


class PayoffPlot(NamedTuple):
    """Bars from left to right, ticks as (y, label), finders as (colour's class, name), and the number of calls."""

    bars: list[Bar]
    up: list[tuple[float, str]]
    names: list[tuple[str, str]]
    calls: int


def payoff_plot(finders: Sequence[FinderUse]) -> PayoffPlot | None:
    """None where nothing was earned: then there is nothing to see. At most 200 bars."""
    told = sorted(((p, use) for use in finders for p in use.payoffs), key=lambda pair: pair[0].round)[:_MOST_BARS]
    highest = max((p.mass for p, _ in told), default=0.0)
    if highest <= 0:
        return None
    kinds = {use.name: f"k{i}" for i, use in enumerate(_by_mass(finders)[:_COLOURS])}
    step = (_RIGHT - _LEFT) / len(told)
    bars = []
    for i, (payoff, use) in enumerate(told):
        height = round((BOTTOM - TOP) * payoff.mass / highest, 1)
        title = f"call {payoff.round + 1}, {one_line(use.name)}: {_told(payoff.mass, payoff.tokens)}, "
        bars.append(
            Bar(
                x=round(_LEFT + step * (i + 0.1), 2),
                width=round(0.8 * step, 2),
                y=round(BOTTOM - height, 1),
                height=height,
                kind=kinds.get(use.name, "kx"),
                title=title + plural(payoff.prompts, "prompt"),
            )
        )
    names = [(kinds.get(use.name, "kx"), one_line(use.name)) for use in _by_mass(finders) if use.payoffs]
    up = [(round(BOTTOM - (BOTTOM - TOP) * share, 1), f"{share * highest:.2g}") for share in (0.0, 0.5, 1.0)]
    return PayoffPlot(bars, up, names, len(told))


def payoff_sentence(finders: Sequence[FinderUse]) -> str:
    """'14 calls of 5 finders earned 31.2 nats for 402,000 tokens; mutation 60% of them for 22% of the tokens.'"""
    paid = [use for use in finders if use.payoffs]
    if not paid:
        return ""
    calls, mass, tokens = sum(len(u.payoffs) for u in paid), sum(u.mass for u in paid), sum(u.tokens for u in paid)
    told = f"{plural(calls, 'call')} of {plural(len(paid), 'finder')} earned {_told(mass, tokens)}"
    best = _by_mass(paid)[0]
    if len(paid) > 1 and mass > 0 and tokens:
        told += (
            f"; {one_line(best.name)} {percent(best.mass / mass)} of them for {percent(best.tokens / tokens)} of these"
        )
    return f"{told}."


def _by_mass(finders: Sequence[FinderUse]) -> list[FinderUse]:
    return sorted(finders, key=lambda use: -use.mass)


def _told(mass: float, tokens: int) -> str:
    return f"{mass:.1f} nats for {plural(tokens, 'token')}"
