"""Spectra of the most changed matrices: bars of the singular values on a logarithmic axis, and a sentence each."""

import math
from typing import NamedTuple

from whatchanged.report.model import MatrixSpectrum
from whatchanged.report.numbers import percent, plural, rate
from whatchanged.report.writes import place

_MOST_BARS = 16
_MOST_DECADES = 4
# Pixels of the plot's height, from the top; the rest are the numbers below.
TOP, BOTTOM = 8.0, 84.0
# Per cent of the width: left of it stand the labels of the axis.
_LEFT, _RIGHT = 13.0, 99.0


class Bar(NamedTuple):
    """x and width in per cent, y and height in pixels; `within`: among those that hold 90% of the change."""

    x: float
    width: float
    y: float
    height: float
    within: bool
    title: str


class SpectrumPlot(NamedTuple):
    """Bars, and gridlines as (y, label): values over the largest. `middles` of the bars as (x, number)."""

    bars: list[Bar]
    lines: list[tuple[float, str]]
    middles: list[tuple[float, int]]


def spectrum_sentence(spectrum: MatrixSpectrum) -> str:
    """'90% of the change of layer 12's mlp.down_proj lies in 3 of 576 directions (stable rank 1.4).'"""
    if spectrum.energy_rank is None:
        held = f"takes more than {plural(spectrum.found, 'direction')}"
    else:
        held = f"lies in {spectrum.energy_rank:,}"
    return (
        f"90% of the change of {place(spectrum.layer, spectrum.module)} {held} of {spectrum.full:,}"
        f"{'' if spectrum.energy_rank is None else ' directions'} (stable rank {spectrum.stable_rank:.1f})."
    )


def spectrum_plot(spectrum: MatrixSpectrum) -> SpectrumPlot | None:
    """None where nothing is left to draw (no value above 0)."""
    values = [v for v in spectrum.values[:_MOST_BARS] if math.isfinite(v) and v > 0]
    if not values:
        return None
    top = max(values)
    decades = min(max(1, math.ceil(-math.log10(max(min(values) / top, 1e-9)))), _MOST_DECADES)
    step = (_RIGHT - _LEFT) / _MOST_BARS
    energy = spectrum.stable_rank * top**2
    bars = []
    for number, value in enumerate(values, 1):
        y = _height(value / top, decades)
        if y > BOTTOM - 0.5:
            break  # too small for this axis, and so are those that follow
        share = min(1.0, value**2 / energy) if energy > 0 else 0.0
        bars.append(
            Bar(
                x=round(_LEFT + step * (number - 1) + 0.1 * step, 2),
                width=round(0.8 * step, 2),
                y=y,
                height=round(BOTTOM - y, 1),
                within=number <= (spectrum.energy_rank or spectrum.found),
                title=f"singular value {number}: {rate(value)}, {percent(share)} of the change",
            )
        )
    labels = ["1", "0.1", "0.01", "10⁻³", "10⁻⁴"]
    lines = [(_height(10.0**-n, decades), labels[n]) for n in range(decades + 1)]
    middles = [(round(_LEFT + step * (n - 0.5), 2), n) for n in (1, 4, 8, 12, 16)]
    return SpectrumPlot(bars, lines, middles)


def _height(share: float, decades: int) -> float:
    """Pixels from the top."""
    down = min(-math.log10(share) / decades, 1.0)
    return round(TOP + (BOTTOM - TOP) * down, 1)
