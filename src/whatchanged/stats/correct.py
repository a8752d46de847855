"""Rates from a judge that errs: corrected for its sensitivity and specificity, with their uncertainty carried.

A verdict is 1 with probability se on a text that shows the behaviour and 1 - sp on one that does not. The two
may differ between models, so errors do not cancel in a difference. With J = se + sp - 1 the per-prompt value
    D = (v_c + sp_c - 1) / J_c - (v_b + sp_b - 1) / J_b
of mean verdicts v has the true difference of the rates as its mean (Rogan and Gladen 1978), and is bounded.

What is unknown are the four rates: a box holds them all with probability 1 - delta (Clopper-Pearson,
Bonferroni). A bet at a constant stake multiplies factors 1 + l (R - 1), where R = (D - worst) / (margin -
worst), and times J_b J_c both parts of R are linear in each of the four rates. So R is linear in a monotone
function of a rate, the log wealth concave in it, and the smallest wealth over the box is at one of the 16
corners, stake by stake. The sum of those is at most the wealth at the truth: an e-process.
This supposes calibration texts that are drawn like the judged ones.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from whatchanged.stats.bets import LOG_WEIGHTS, Floats, log_growth, log_sum_exp
from whatchanged.stats.betting import Bet, Values, checked, interval
from whatchanged.stats.intervals import clopper_pearson_upper

STEPS = 4096


@dataclass(frozen=True)
class Calibration:
    """The judge's verdicts on one model's labelled texts, counted. Raises ValueError for a negative count."""

    true_positive: int
    false_negative: int
    true_negative: int
    false_positive: int

    def __post_init__(self) -> None:
        if min(self.true_positive, self.false_negative, self.true_negative, self.false_positive) < 0:
            raise ValueError(f"{self}: counts must not be negative")

    @property
    def sensitivity(self) -> float:
        """Share of "yes" on texts that show the behaviour; NaN without any."""
        return _share(self.true_positive, self.false_negative)

    @property
    def specificity(self) -> float:
        """Share of "no" on texts that do not; NaN without any."""
        return _share(self.true_negative, self.false_positive)

    @property
    def youden(self) -> float:
        """Sensitivity + specificity - 1: 1 for a perfect judge, 0 for a blind one."""
        return self.sensitivity + self.specificity - 1


def corrected_rate(rate: float, calibration: Calibration) -> float:
    """(rate + sp - 1) / (se + sp - 1), clipped to [0, 1] (Rogan and Gladen 1978).

    Raises ValueError for a judge no better than a coin, or without labels of both kinds.
    """
    if not calibration.youden > 0:
        raise ValueError(f"{calibration}: a judge that is no better than a coin cannot be corrected")
    return min(max((rate + calibration.specificity - 1) / calibration.youden, 0.0), 1.0)


def corrected_interval(
    base_verdicts: Values,
    candidate_verdicts: Values,
    base_calibration: Calibration,
    candidate_calibration: Calibration,
    alpha: float,
) -> tuple[float, float, float]:
    """(effect, low, high) of candidate - base in true rates, the bounds right with probability 1 - alpha.

    Verdicts: each prompt's mean verdict in [0, 1], aligned; NaN in both where the answers were equal and nobody
    read them, which is a difference of 0 whatever the judge. Half of alpha pays for the calibration. A quarter
    pays for the margins that the bets of `corrected_log_e` rule out from either side, at log(8 / alpha), after
    any prompt: narrow for pairs much alike. A quarter pays for each model's own rate (where all answers were read),
    between 0 and 1 whatever the error rates: narrow for few labels. The interval is what both leave. If a judge may
    be no better than a coin, it is (-1, 1); if one looks no better, the effect is 0.
    Raises ValueError for unequal lengths, verdicts outside [0, 1] or alpha outside (0, 1).
    """
    base, candidate = _aligned(base_verdicts, candidate_verdicts)
    read = ~np.isnan(base)
    box = _corners(base_calibration, candidate_calibration, alpha / 2)
    effect = 0.0
    if read.any() and base_calibration.youden > 0 and candidate_calibration.youden > 0:  # NaN is not
        effect = corrected_rate(float(candidate[read].mean()), candidate_calibration)
        effect = float(read.mean()) * (effect - corrected_rate(float(base[read].mean()), base_calibration))
    if box is None or not len(base):
        return effect, -1.0, 1.0

    def bound(values: tuple[Floats, Floats]) -> float:
        """The largest margin that is ruled out from below, rounded down."""
        out, kept = 0, STEPS
        while kept - out > 1:
            middle = (kept + out) // 2
            ruled_out = _least_log_e(*values, 2 * middle / STEPS - 1).max() > math.log(8 / alpha)
            out, kept = (middle, kept) if ruled_out else (out, middle)
        return 2 * out / STEPS - 1

    low, high = bound(_transformed(base, candidate, box, 1)), -bound(_transformed(base, candidate, box, -1))
    if read.all():
        rate_b = _true_rate(base, box[0], box[1], alpha / 8)
        rate_c = _true_rate(candidate, box[2], box[3], alpha / 8)
        low, high = max(low, rate_c[0] - rate_b[1]), min(high, rate_c[1] - rate_b[0])
    return effect, min(low, high), max(low, high)


def corrected_log_e(
    base_verdicts: Values,
    candidate_verdicts: Values,
    calibrations: tuple[Calibration, Calibration],
    margin: float,
    sign: int,
    delta: float,
) -> float:
    """Log e-value, in nats, against "sign x (candidate - base in true rates) <= margin".

    An e-value given calibrations (base, candidate) whose box holds the true error rates, which fails with
    probability at most `delta`: a rejection at 1/a errs with at most a + delta, whenever one stops. The bets are
    those of `Bet`, at the least favourable corner; NaN in both verdicts: equal answers, unread. 0, no bet at all, if
    a judge may be no better than a coin.
    Raises ValueError as `corrected_interval`, and for a margin outside (-1, 1) or a sign that is not 1 or -1.
    """
    if not -1 < margin < 1 or sign not in (1, -1):
        raise ValueError(f"margin={margin}, sign={sign}: need a margin between -1 and 1, and 1 or -1")
    base, candidate = _aligned(base_verdicts, candidate_verdicts)
    box = _corners(*calibrations, delta)
    if box is None or not len(base):
        return 0.0
    return float(_least_log_e(*_transformed(base, candidate, box, sign), margin)[-1])


def ppi_interval(
    predictions_unlabelled: Values,
    predictions_labelled: Values,
    labels: Values,
    alpha: float,
    low: float = 0.0,
    high: float = 1.0,
) -> tuple[float, float, float]:
    """(estimate, low, high) of the mean label: mean prediction + mean of label - prediction.

    Prediction-powered inference (Angelopoulos et al., Science 2023). Each mean gets a betting interval at
    alpha / 2, so the sum is right with 1 - alpha at any sample size. Predictions and labels lie in [low, high]:
    (0, 1) for rates, (-1, 1) for differences. Labelled texts must be drawn like the unlabelled ones, and may be among
    them: the bound is a union, which needs no independence. Good predictions make it narrower than the labels alone;
    bad ones never make it wrong.
    Raises ValueError for labels and predictions of unequal number, none of either kind, or values out of bounds.
    """
    many = checked(predictions_unlabelled, low, high)
    truth, guess = checked(labels, low, high), checked(predictions_labelled, low, high)
    if len(truth) != len(guess) or not len(truth) or not len(many):
        raise ValueError(f"{len(many)} predictions, {len(guess)} beside {len(truth)} labels: need some, and pairs")
    estimate = float(many.mean() + (truth - guess).mean())
    coarse = interval(many, alpha / 2, low, high)
    repair = interval(truth - guess, alpha / 2, low - high, high - low)
    bounds = np.clip([estimate, coarse[0] + repair[0], coarse[1] + repair[1]], low, high)
    return float(bounds[0]), float(bounds[1]), float(bounds[2])


def _share(hits: int, misses: int) -> float:
    return hits / (hits + misses) if hits + misses else math.nan


def _aligned(base: Values, candidate: Values) -> tuple[Floats, Floats]:
    b, c = np.asarray(base, dtype=np.float64).reshape(-1), np.asarray(candidate, dtype=np.float64).reshape(-1)
    if len(b) != len(c):
        raise ValueError(f"{len(b)} base and {len(c)} candidate verdicts: need one of each per prompt")
    unread = np.isnan(b) & np.isnan(c)
    b, c = (checked(np.where(unread, 0.0, values), 0.0, 1.0) for values in (b, c))
    return np.where(unread, np.nan, b), np.where(unread, np.nan, c)


@lru_cache(maxsize=1024)  # one calibration serves many hypotheses
def _limits(k: int, n: int, alpha: float) -> tuple[float, float]:
    """Two-sided Clopper-Pearson interval of a rate, k of n having been seen."""
    return 1 - clopper_pearson_upper(n - k, n, alpha / 2), clopper_pearson_upper(k, n, alpha / 2)


def _corners(base: Calibration, candidate: Calibration, delta: float) -> Floats | None:
    """(4, 16): se_b, sp_b, se_c, sp_c at the corners of their box, or None if a J in it is not positive.

    All four rates lie in the box with probability 1 - delta.
    """
    if not 0 < delta < 1:
        raise ValueError(f"delta={delta}: must lie between 0 and 1")
    counts: Sequence[tuple[int, int]] = [
        pair
        for c in (base, candidate)
        for pair in ((c.true_positive, c.false_negative), (c.true_negative, c.false_positive))
    ]
    corners = np.array(list(product(*(_limits(k, k + m, delta / 4) for k, m in counts)))).T
    return corners if min((corners[0] + corners[1]).min(), (corners[2] + corners[3]).min()) > 1 else None


def _true_rate(verdicts: Floats, se: Floats, sp: Floats, alpha: float) -> tuple[float, float]:
    """Interval of one model's true rate, for every se and sp between the smallest and the largest given.

    (v + sp - 1) / (se + sp - 1), clipped to [0, 1], grows with v and sp and falls with se.
    """
    low, high = interval(verdicts, alpha, 0.0, 1.0)
    least = (low + sp.min() - 1) / (se.max() + sp.min() - 1)
    most = (high + sp.max() - 1) / (se.min() + sp.max() - 1)
    return float(np.clip(least, 0, 1)), float(np.clip(most, 0, 1))


def _transformed(base: Floats, candidate: Floats, corners: Floats, sign: int) -> tuple[Floats, Floats]:
    """sign x D of each prompt at each corner, (16, n), and the least value that it can take there, (16,)."""
    se_b, sp_b, se_c, sp_c = corners[:, :, None]
    j_b, j_c = se_b + sp_b - 1, se_c + sp_c - 1
    values = sign * ((candidate + sp_c - 1) / j_c - (base + sp_b - 1) / j_b)
    values[:, np.isnan(base)] = 0.0  # equal answers that nobody read: J_b J_c x 0 is linear in the rates as well
    least = (sp_c - 1) / j_c - sp_b / j_b if sign > 0 else (sp_b - 1) / j_b - sp_c / j_c
    return values, least[:, 0]


def _least_log_e(values: Floats, least: Floats, margin: float) -> Floats:
    """Log wealth (n,) against "mean <= margin": values (16, n), each stake of `Bet` at its own worst corner."""
    gain = (values - margin) / (margin - least)[:, None]
    paths = np.cumsum(log_growth(gain, Bet.c), axis=1).min(axis=0)  # (16, n, 7) -> (n, 7)
    return log_sum_exp(LOG_WEIGHTS + paths)
