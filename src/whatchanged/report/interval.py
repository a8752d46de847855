"""Where the marks of an effect's interval plot go: positions in per cent of the plot's width."""

import math
from dataclasses import dataclass

from whatchanged.records import Finding

_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)
_MOST_TICKS = 6
# A mark at the very edge would be cut off or touch its neighbour.
_EDGE = 2.0


@dataclass(frozen=True)
class Axis:
    """A linear axis from `low` to `high` with labelled ticks every `step`."""

    low: float
    high: float
    step: float

    def at(self, value: float) -> float:
        """Position in per cent, 2..98; values beyond the axis stop at its ends."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(_EDGE + (100 - 2 * _EDGE) * share, 2)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Position and label of each tick."""
        first, last = round(self.low / self.step), round(self.high / self.step)
        values = [index * self.step for index in range(first, last + 1)]
        return [(self.at(value), _tick(value)) for value in values]


def _tick(value: float) -> str:
    return f"{value:+.2f}".rstrip("0").rstrip(".").replace("-", "−") if value else "0"


@dataclass(frozen=True)
class IntervalPlot:
    """Effect, interval and margin on an axis that holds them all; `margin` is the one to clear."""

    axis: Axis
    effect: float
    low: float
    high: float
    zero: float
    margin: float
    band_low: float
    band_high: float


def interval_plot(finding: Finding) -> IntervalPlot | None:
    """The plot of one finding; None where a number is missing (not finite)."""
    numbers = (finding.effect, finding.ci_low, finding.ci_high)
    if not all(math.isfinite(number) for number in numbers):
        return None
    reach = 1.5 * finding.margin
    axis = choose_axis(min(*numbers, -reach), max(*numbers, reach))
    sign = 1 if finding.direction == "more" else -1
    return IntervalPlot(
        axis=axis,
        effect=axis.at(finding.effect),
        low=axis.at(finding.ci_low),
        high=axis.at(finding.ci_high),
        zero=axis.at(0),
        margin=axis.at(sign * finding.margin),
        band_low=axis.at(-finding.margin),
        band_high=axis.at(finding.margin),
    )


def choose_axis(low: float, high: float) -> Axis:
    """The tightest axis within [-1, 1] on round numbers that holds [low, high]."""
    low, high = max(low, -1.0), min(high, 1.0)
    if high - low < 0.02:
        low, high = max(low - 0.01, -1.0), min(high + 0.01, 1.0)
    step = next((s for s in _STEPS if (high - low) / s <= _MOST_TICKS - 1.5), _STEPS[-1])
    # Rounding first, so that 0.30000000000000004 does not claim another step.
    steps_low, steps_high = math.floor(round(low / step, 6)), math.ceil(round(high / step, 6))
    return Axis(max(steps_low * step, -1.0), min(steps_high * step, 1.0), step)
