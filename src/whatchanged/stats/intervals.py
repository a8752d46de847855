"""Bounds and levels: exact binomial upper bound, selection-adjusted level, smallest detectable effect."""

import math
from collections.abc import Callable

import numpy as np

from whatchanged.stats.bets import Floats, log_sum_exp
from whatchanged.stats.betting import Bet


def clopper_pearson_upper(k: int, n: int, alpha: float) -> float:
    """Exact one-sided upper bound at level 1 - alpha of a rate, k of n having been seen.

    The smallest p with P(Binomial(n, p) <= k) <= alpha (Clopper and Pearson 1934); 1 for k = n or n = 0.
    Raises ValueError unless 0 <= k <= n and 0 < alpha < 1.
    """
    if not (0 <= k <= n and 0 < alpha < 1):
        raise ValueError(f"k={k}, n={n}, alpha={alpha}: need 0 <= k <= n and 0 < alpha < 1")
    if k == n:
        return 1.0
    return _first(lambda p: _binomial_mass(0, k, n, p) <= alpha)


def fcr_level(alpha: float, rejected: int, m: int) -> float:
    """Confidence 1 - alpha R/m of intervals reported for R of m hypotheses, R = max(1, rejected).

    Keeps the false coverage rate of the selected at alpha (Benjamini and Yekutieli 2005).
    Raises ValueError unless 0 <= rejected <= m, m >= 1 and 0 < alpha < 1.
    """
    if not (0 <= rejected <= m and m >= 1 and 0 < alpha < 1):
        raise ValueError(f"rejected={rejected}, m={m}, alpha={alpha}: need 0 <= rejected <= m, 0 < alpha < 1")
    return 1 - alpha * max(1, rejected) / m


def smallest_detectable(
    n: int, margin: float, log_threshold: float, power: float = 0.8, c: float = 0.9
) -> float | None:
    """The smallest delta that n prompts would have shown: P(log E_n >= log_threshold) >= power.

    For differences D that are 1 with probability delta and else 0 (the base never does it, the candidate
    sometimes): log E depends on the count alone, so the answer is exact. Looking only after the last prompt,
    hence slightly too large for a test that may stop early. None when even delta = 1 would not pass.
    Raises ValueError for a threshold that is not positive or a power outside (0, 1).
    """
    if not (log_threshold > 0 and 0 < power < 1):
        raise ValueError(f"log_threshold={log_threshold}, power={power}: need > 0, and between 0 and 1")
    bet = Bet(margin, "above", c)
    zero, one = bet.growth([0.0, 1.0])
    counts = np.arange(n + 1)[:, None]
    log_e = log_sum_exp(bet.log_wealth + counts * one + (n - counts) * zero)
    passing = np.flatnonzero(log_e >= log_threshold)
    if not len(passing):
        return None
    return _first(lambda delta: _binomial_mass(int(passing[0]), n, n, delta) >= power)


def _binomial_mass(first: int, last: int, n: int, p: float) -> float:
    """P(first <= Binomial(n, p) <= last), 0 < p < 1, summed in log space."""
    k = np.arange(first, last + 1)
    log_choose = np.array([math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in k])
    log_mass: Floats = log_choose + k * math.log(p) + (n - k) * math.log1p(-p)
    return math.exp(min(0.0, float(log_sum_exp(log_mass))))


def _first(holds: Callable[[float], bool]) -> float:
    """The smallest p in (0, 1] from which on `holds` is true, to 1e-12, rounded up."""
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
