"""Bets on a judge's verdicts, corrected for how often it errs on each model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from whatchanged.confirm.instruments import Rate
from whatchanged.stats import Calibration, corrected_interval, corrected_log_e


class Calibrated(NamedTuple):
    """The judge's errors on base and candidate, and the probability `delta` with which their box may miss them."""

    base: Calibration
    candidate: Calibration
    delta: float


@dataclass
class CorrectedBet:
    """Evidence against H0: sign x true difference <= margin, at the least favourable error rates of the judge.

    The same two numbers as `stats.Bet`: `log_e` now and `max_log_e` so far, in nats.
    """

    calibrated: Calibrated
    margin: float
    sign: int
    log_e: float = field(default=0.0, init=False)
    max_log_e: float = field(default=0.0, init=False)

    def read(self, rates: Sequence[Rate]) -> None:
        """All rates so far, in order."""
        base, candidate = verdicts(rates)
        both = (self.calibrated.base, self.calibrated.candidate)
        self.log_e = corrected_log_e(base, candidate, both, self.margin, self.sign, self.calibrated.delta)
        self.max_log_e = max(self.max_log_e, self.log_e)


def corrected_bounds(rates: Sequence[Rate], calibrated: Calibrated, alpha: float) -> tuple[float, float, float]:
    """(effect, low, high) in true rates, at level 1 - alpha."""
    return corrected_interval(*verdicts(rates), calibrated.base, calibrated.candidate, alpha)


def verdicts(rates: Sequence[Rate]) -> tuple[list[float], list[float]]:
    """Mean verdicts of base and candidate; NaN where equal answers were not read: their difference is 0."""
    base = [math.nan if r.base is None else r.base for r in rates]
    return base, [math.nan if r.candidate is None else r.candidate for r in rates]
