"""Tests and intervals by betting: valid at every moment, however often one looks (no model, only numbers)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from whatchanged.stats.bets import LOG_WEIGHTS, Floats, Mixture, PlugIn, Strategy, log_growth, log_sum_exp

Side = Literal["above", "below"]
Values = Sequence[float] | NDArray[np.floating]

METHODS: dict[str, Strategy] = {"mixture": Mixture(), "plug-in": PlugIn()}


@dataclass(eq=False)
class Bet:
    """A running test of paired differences D in [-1, 1] against a margin.

    side     null hypothesis    E_t
    above    E[D] <= margin     prod(1 + l_i (D_i - margin)), l_i in [0, c/(1 + margin)]
    below    E[D] >= margin     prod(1 + l_i (margin - D_i)), l_i in [0, c/(1 - margin)]

    The wealth is split over a fixed grid of constant stakes, each left to itself; E_t is the sum of the
    parts. That equals one gambler whose stake l_i is the average of the grid, weighted by the wealth each
    stake has earned *before* D_i: predictable, hence E_t is an e-process, and within log(1/weight) nats of
    the best stake of the grid in hindsight (universal portfolio, Cover 1991; diversified Kelly, Waudby-Smith
    and Ramdas, arXiv 2010.09686).

    `log_wealth` (7,) is log(weight x wealth) per stake, `n` the number of values seen, `max_log_e` the
    largest log E_t so far, 0 at the start. 1/max E is a p-value valid at any time; E at a stopping time is
    an e-value, its maximum is not.
    Raises ValueError for a margin outside (-1, 1), c outside (0, 1) or an unknown side.
    """

    margin: float
    side: Side = "above"
    c: float = 0.9
    n: int = field(default=0, init=False)
    max_log_e: float = field(default=0.0, init=False)
    log_wealth: Floats = field(default_factory=LOG_WEIGHTS.copy, init=False, repr=False)

    def __post_init__(self) -> None:
        if not -1 < self.margin < 1:
            raise ValueError(f"margin={self.margin}: must lie between -1 and 1")
        if not 0 < self.c < 1:
            raise ValueError(f"c={self.c}: must lie between 0 and 1")
        if self.side not in ("above", "below"):
            raise ValueError(f"side={self.side!r}: must be 'above' or 'below'")

    @property
    def log_e(self) -> float:
        """log E_t now, in nats; 0 before any value."""
        return float(log_sum_exp(self.log_wealth))

    def growth(self, values: Values) -> Floats:
        """Log factors (n, 7) that the values would bring, one column per stake. Changes nothing."""
        d = checked(values, -1.0, 1.0)
        if self.side == "above":
            return log_growth((d - self.margin) / (1 + self.margin), self.c)
        return log_growth((self.margin - d) / (1 - self.margin), self.c)

    def run(self, values: Values) -> Floats:
        """Bet on the values, in order, and return log E after each, (n,).

        Raises ValueError for a value that is not in [-1, 1].
        """
        paths = self.log_wealth + np.cumsum(self.growth(values), axis=0)
        if not len(paths):
            return np.empty(0)
        running = log_sum_exp(paths)
        self.log_wealth = paths[-1]
        self.n += len(paths)
        self.max_log_e = max(self.max_log_e, float(running.max()))
        return running

    def update(self, values: Values) -> Self:
        """Bet on the values in place, and return this bet: in any portions, the result is the same."""
        self.run(values)
        return self


def log_e_process(d: Values, margin: float, c: float = 0.9, side: Side = "above") -> Floats:
    """log E_t after each of the values d (n,) in [-1, 1], in nats: see `Bet`, also for the errors."""
    return Bet(margin, side, c).run(d)


def confidence_sequence(
    d: Values,
    alpha: float,
    low: float = -1.0,
    high: float = 1.0,
    *,
    method: str | Strategy = "mixture",
    theta: float = 0.5,
    breaks: int = 1000,
) -> tuple[Floats, Floats]:
    """Bounds (lower, upper), each (n,), of the mean of d in [low, high], all true at once with 1 - alpha.

    Hedged capital (Waudby-Smith and Ramdas, arXiv 2010.09686, theorem 3): a mean m is out as soon as
    theta K_t(m), betting that the mean is larger, or (1 - theta) K'_t(m), that it is smaller, exceeds
    1/alpha. Running intersection, rounded outwards to a grid of `breaks` steps. Methods: "mixture" (stakes
    as in `Bet`, narrower for few or steady values), "plug-in" (the paper's), or a strategy of one's own.
    Should everything be out (probability at most alpha), the two crossed bounds are returned in order.
    Raises ValueError for values outside [low, high] or an alpha, theta, range or method that makes no sense.
    """
    strategy, x = _prepare(d, alpha, low, high, method, theta)
    means = np.arange(1, breaks + 1) / breaks

    def below(values: Floats, bets: Strategy, level: float) -> Floats:
        capital = bets.log_capital(values, means, level)
        out = np.maximum.accumulate(capital, axis=1) > np.log(1 / level)
        steps: Floats = out.sum(axis=0) / breaks  # what is out is a prefix of the grid
        return steps

    lower = below(x, strategy, alpha * theta)
    upper = 1 - below(1 - x, strategy.mirrored(), alpha * (1 - theta))
    lower, upper = np.minimum(lower, upper), np.maximum(lower, upper)
    return low + (high - low) * lower, low + (high - low) * upper


def interval(
    d: Values,
    alpha: float,
    low: float = -1.0,
    high: float = 1.0,
    *,
    method: str | Strategy = "mixture",
    theta: float = 0.5,
    breaks: int = 4096,
) -> tuple[float, float]:
    """The last row of `confidence_sequence` (same arguments, rules and errors) by bisection.

    No value gives (low, high). Valid at any stopping time.
    """
    strategy, x = _prepare(d, alpha, low, high, method, theta)

    def below(values: Floats, bets: Strategy, level: float) -> float:
        inside, outside = breaks, 0  # m = 1 cannot be too small a mean; m = 0 counts as out
        while len(values) and inside - outside > 1:
            middle = (inside + outside) // 2
            capital = bets.log_capital(values, np.array([middle / breaks]), level).max()
            inside, outside = (inside, middle) if capital > np.log(1 / level) else (middle, outside)
        return outside / breaks

    lower = below(x, strategy, alpha * theta)
    upper = 1 - below(1 - x, strategy.mirrored(), alpha * (1 - theta))
    lower, upper = min(lower, upper), max(lower, upper)
    return low + (high - low) * lower, low + (high - low) * upper


def checked(values: Values, low: float, high: float) -> Floats:
    """The values as float64 (n,), rounding errors beyond the bounds clipped. Raises ValueError for others."""
    array = np.asarray(values, dtype=np.float64).reshape(-1)
    slack = 1e-6 * (high - low)
    bad = ~((array >= low - slack) & (array <= high + slack))
    if bad.any():
        raise ValueError(f"value {array[bad][0]}: must lie in [{low}, {high}]")
    return np.clip(array, low, high)


def _prepare(
    d: Values, alpha: float, low: float, high: float, method: str | Strategy, theta: float
) -> tuple[Strategy, Floats]:
    if not (0 < alpha < 1 and 0 < theta < 1 and low < high):
        raise ValueError(f"alpha={alpha}, theta={theta} must lie in (0, 1), and {low} below {high}")
    if isinstance(method, str):
        if method not in METHODS:
            raise ValueError(f"method={method!r}: one of {', '.join(METHODS)}")
        method = METHODS[method]
    return method, (checked(d, low, high) - low) / (high - low)
