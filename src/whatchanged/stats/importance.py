"""Rates by importance sampling: weights that are bounded by design, and an interval that holds for any n.

Answers y come from a mixture m = sum_k share_k m_k of proposals, the target q among them. Each counts f(y) times its
weight w = q/m (the balance heuristic, Veach and Guibas 1995), and E_m[w f] = E_q[f]. Because q has a share of the
mixture, w is at most 1/share, whatever the other proposals do (defensive mixture, Hesterberg 1995; Owen and Zhou 2000).
So the mean of w f is a mean of bounded values, and betting gives it an interval without asking for a variance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from whatchanged.stats.bets import Floats
from whatchanged.stats.betting import interval

# Steps between 0 and the bound: a rate of 1e-6 is known to a hundredth.
BREAKS = 2**28
# The lower bound is cheap (the proposals raise what is counted), so the upper one gets more of the error.
LOWER = 0.25


@dataclass(frozen=True)
class FixedN:
    """Predictable stakes for n values, n fixed beforehand (Waudby-Smith and Ramdas, arXiv 2010.09686, section 3.3).

    l_t = sqrt(2 log(1/level) / (n s2_{t-1})), at most c/m, s2 the running variance. While that is 0 one side stakes
    all it may, which is right for "the mean is smaller" and ruinous for "it is larger": there nothing is staked
    before `warm` values above 0 were seen. `mirror` says that the values come as 1 - x.
    """

    n: int
    c: float = 0.99
    warm: int = 10
    mirror: bool = False

    def stakes(self, x: Floats, level: float) -> Floats:
        """The stakes before the cap, (n,): entry t uses x up to t - 1 only."""
        value = 1 - x if self.mirror else x
        t = np.arange(1, len(x) + 1)
        variance = np.maximum(np.cumsum(value**2) / t - (np.cumsum(value) / t) ** 2, 0.0)
        with np.errstate(divide="ignore"):
            stakes: Floats = np.sqrt(2 * math.log(1 / level) / (self.n * variance))
        if not self.mirror:
            stakes = np.where(np.cumsum(value > 0) >= self.warm, stakes, 0.0)
        return np.concatenate(([np.inf if self.mirror else 0.0], stakes))[: len(x)]

    def log_capital(self, x: Floats, means: Floats, level: float) -> Floats:
        """See `bets.Strategy`."""
        stakes = np.minimum(self.stakes(x, level), self.c / means[:, None])
        return np.cumsum(np.log1p(stakes * (x - means[:, None])), axis=1)

    def mirrored(self) -> "FixedN":
        """The same for 1 - x."""
        return replace(self, mirror=not self.mirror)


@dataclass(frozen=True)
class Estimate:
    """A rate with its interval.

    `standard_error` is what the values seen say, as if nothing unseen were left; the interval does not say so.
    `effective` is Kish's effective number of answers that count, (sum x)^2 / sum x^2 over x = w f; 0 if none does.
    """

    rate: float
    low: float
    high: float
    standard_error: float
    effective: float
    n: int

    @property
    def width(self) -> float:
        """Of the interval."""
        return self.high - self.low


def mixture_weights(log_target: Floats, log_components: Floats, shares: Sequence[float]) -> Floats:
    """Weights q/m (n,), m = sum_k shares_k exp(log_components[:, k]): log_target (n,), log_components (n, k), nats.

    Raises ValueError for shares that do not sum to 1 or are not as many as the components.
    """
    if len(shares) != log_components.shape[-1] or not math.isclose(sum(shares), 1.0) or min(shares) <= 0:
        raise ValueError(f"shares={list(shares)}: need {log_components.shape[-1]} positive numbers that sum to 1")
    log_shares: Floats = np.log(np.asarray(shares, dtype=np.float64))
    weights: Floats = np.exp(log_target - np.logaddexp.reduce(log_components + log_shares, axis=-1))
    return weights


def importance_interval(values: Sequence[float] | NDArray[np.floating], bound: float, alpha: float) -> Estimate:
    """The mean of x = w f (n,) in [0, bound] with an interval at 1 - alpha, for independent x of one distribution.

    Valid for every n and every distribution on [0, bound], that of the rate in [0, 1]. No value gives (0, 1).
    However small the values, high - rate is at least about bound log(1/alpha) / n: plain draws of the target, of
    which there are n/bound, must rule out that the event has a part that no other proposal reaches.
    Raises ValueError for a value outside [0, bound], a bound below 1, or an alpha outside (0, 1).
    """
    if bound < 1:
        raise ValueError(f"bound={bound}: weights average 1, so their bound is at least 1")
    x = np.asarray(values, dtype=np.float64).reshape(-1)
    low, high = interval(x, alpha, 0.0, bound, method=FixedN(len(x)), theta=LOWER, breaks=BREAKS)
    if not len(x):
        return Estimate(0.0, 0.0, 1.0, 0.0, 0.0, 0)
    squares = float((x**2).sum())
    return Estimate(
        rate=float(x.mean()),
        low=min(low, 1.0),
        high=min(high, 1.0),
        standard_error=float(x.std() / math.sqrt(len(x))),
        effective=float(x.sum()) ** 2 / squares if squares else 0.0,
        n=len(x),
    )


def brute_force_count(rate: float, width: float, alpha: float) -> int:
    """How many plain draws would give an interval this wide at 1 - alpha. Counted in brute force's favour.

    Normal approximation, n = 4 z^2 rate (1 - rate) / width^2, narrower than an exact interval; or, if that is more, the
    n after which no event at all leaves log(1/alpha) / n (for 0.05 the rule of three).
    Raises ValueError for a rate outside [0, 1], a width outside (0, 1], or an alpha outside (0, 1).
    """
    if not (0 <= rate <= 1 and 0 < width <= 1 and 0 < alpha < 1):
        raise ValueError(f"rate={rate}, width={width}, alpha={alpha}: need [0, 1], (0, 1] and (0, 1)")
    z = NormalDist().inv_cdf(1 - alpha / 2)
    return math.ceil(max(4 * z**2 * rate * (1 - rate) / width**2, math.log(1 / alpha) / width))
