"""How much to stake: betting strategies against "the mean is at most m", for values in [0, 1].

A strategy turns values x_1..x_n and candidate means m into the capital of a gambler who starts with 1 and
stakes l_i on x_i: K_t(m) = prod_{i<=t} (1 + l_i (x_i - m)), l_i chosen before x_i is seen, 0 <= l_i <= c/m.
If E[x_i | past] <= m, K_t(m) is a non-negative supermartingale, so P(some K_t >= 1/a) <= a (Ville).
With stakes capped at c/m, every factor falls as m grows: the m not rejected at level a form an interval.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Stakes as fractions of the largest allowed one. A factor 2 between neighbours loses at most a sixth of the
# best growth rate; each has half the weight of the next larger one, because the shifts that matter beyond a
# margin call for large stakes, and the small ones are there for noisy values and large n.
FRACTIONS: Floats = np.exp2(-np.arange(7, dtype=np.float64))
LOG_WEIGHTS: Floats = np.log(FRACTIONS / FRACTIONS.sum())


def log_growth(gain: Floats, c: float) -> Floats:
    """Log factors (..., 7), one per fixed stake, of gains (...) in units of the largest possible loss.

    A gain of -1 is the worst value; c < 1 keeps every factor at or above 1 - c.
    """
    return np.log1p(c * gain[..., None] * FRACTIONS)


def log_sum_exp(values: Floats) -> Floats:
    """log(sum(exp(values))) over the last axis, without overflow; that axis must not be empty."""
    top = values.max(axis=-1, keepdims=True)
    total: Floats = top[..., 0] + np.log(np.exp(values - top).sum(axis=-1))
    return total


class Strategy(Protocol):
    """A way to stake."""

    def log_capital(self, x: Floats, means: Floats, level: float) -> Floats:
        """Running log K_t(m) against "mean <= m": x (n,) in [0, 1], means (k,) in (0, 1] -> (k, n).

        `level` is the error probability at which K will be compared with 1/level; a strategy may use it.
        """

    def mirrored(self) -> "Strategy":
        """The same strategy for 1 - x."""


@dataclass(frozen=True)
class Mixture:
    """The average of constant stakes `c * FRACTIONS / m`; `betting.Bet` says why that is one valid stake."""

    c: float = 0.9

    def log_capital(self, x: Floats, means: Floats, level: float) -> Floats:
        """See `Strategy`; the level is not used."""
        gain = (x[None, :] - means[:, None]) / means[:, None]
        total = np.full(gain.shape, -np.inf)
        for fraction, log_weight in zip(FRACTIONS, LOG_WEIGHTS, strict=True):  # one at a time: memory
            paths = np.cumsum(np.log1p(self.c * fraction * gain), axis=1)
            np.logaddexp(total, log_weight + paths, out=total)
        return total

    def mirrored(self) -> "Mixture":
        """Itself."""
        return self


@dataclass(frozen=True)
class PlugIn:
    """Predictable plug-in stakes (Waudby-Smith and Ramdas, arXiv 2010.09686, hedged capital).

    l_t = sqrt(2 log(1/level) / (s2_{t-1} t log(1 + t))), at most c/m, where s2 is the running variance,
    regularised by `fake_obs` observations of `prior_mean` and `prior_variance`. The defaults are the paper's
    and confseq's.
    """

    c: float = 0.5
    prior_mean: float = 0.5
    prior_variance: float = 0.25
    fake_obs: float = 1.0

    def stakes(self, x: Floats, level: float) -> Floats:
        """The stakes before the cap, (n,): entry t uses x up to t - 1 only."""
        t = np.arange(1, len(x) + 1)
        mean = (self.fake_obs * self.prior_mean + np.cumsum(x)) / (t + self.fake_obs)
        squares = self.fake_obs * self.prior_variance + np.cumsum((x - mean) ** 2)
        before = np.concatenate(([self.prior_variance], squares / (t + self.fake_obs)))[:-1]
        stakes: Floats = np.sqrt(2 * np.log(1 / level) / (before * t * np.log1p(t)))
        return stakes

    def log_capital(self, x: Floats, means: Floats, level: float) -> Floats:
        """See `Strategy`."""
        stakes = np.minimum(self.stakes(x, level), self.c / means[:, None])
        return np.cumsum(np.log1p(stakes * (x - means[:, None])), axis=1)

    def mirrored(self) -> "PlugIn":
        """The prior mean turned round."""
        return PlugIn(self.c, 1 - self.prior_mean, self.prior_variance, self.fake_obs)
