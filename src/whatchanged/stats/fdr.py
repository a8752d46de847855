"""False discovery rate over a campaign of hypotheses: one seam to batch and online procedures.

procedure   evidence    holds under                            source
e-bh        e-values    any dependence                         Wang and Ramdas 2022
e-lond      e-values    any dependence, in a stream            Xu and Ramdas 2024
saffron     p-values    independence, in a stream              Ramdas et al. 2018
addis       p-values    independence, in a stream              Tian and Ramdas 2019
lord++      p-values    independence, in a stream              Ramdas et al. 2017
lond        p-values    independence, in a stream              Javanmard and Montanari 2018
bh          p-values    independence or positive dependence    Benjamini and Hochberg 1995
Streams run through the package online-fdr.
"""

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from whatchanged.errors import MissingExtra, SpecError


class Decision(Protocol):
    """What an online procedure says of one hypothesis."""

    rejected: bool
    test_level: float


class Procedure(Protocol):
    """What is used of online-fdr: one hypothesis after another."""

    def test_one_detail(self, evidence: float, /) -> Decision:
        """Decide on the next hypothesis."""


E_VALUED = ("e-bh", "e-lond")


def decide(name: str, evidence: Sequence[float], alpha: float) -> list[bool]:
    """Which hypotheses are rejected, in order, at false discovery rate alpha.

    `evidence`: e-values for e-bh and e-lond, else p-values. Raises SpecError for an unknown name,
    ValueError for evidence that is none or alpha outside (0, 1), MissingExtra without online-fdr.
    """
    if name == "e-bh":
        return e_bh(evidence, alpha)
    if name == "bh":
        return bh(evidence, alpha)
    procedure = _online(name, alpha)
    return [procedure.test_one_detail(float(value)).rejected for value in evidence]


def levels(name: str, evidence: Sequence[float], alpha: float) -> list[float]:
    """The levels alpha_t of an online procedure along the stream: it rejects p <= alpha_t, E >= 1/alpha_t.

    Raises as `decide`; e-bh has no levels and is an unknown name here.
    """
    procedure = _online(name, alpha)
    return [procedure.test_one_detail(float(value)).test_level for value in evidence]


def e_bh(e_values: Sequence[float], alpha: float) -> list[bool]:
    """Reject the k largest e-values, k the largest with e_(k) >= m / (alpha k) (Wang and Ramdas 2022).

    Raises ValueError for a negative or NaN e-value or alpha outside (0, 1).
    """
    e = np.asarray(e_values, dtype=np.float64)
    if not (0 < alpha < 1 and (e >= 0).all()):
        raise ValueError(f"alpha={alpha} must lie between 0 and 1, and e-values must not be negative or NaN")
    order = np.argsort(-e, kind="stable")
    passing = np.flatnonzero(e[order] >= len(e) / (alpha * np.arange(1, len(e) + 1)))
    rejected = np.zeros(len(e), dtype=bool)
    rejected[order[: passing[-1] + 1 if len(passing) else 0]] = True
    return [bool(flag) for flag in rejected]


def bh(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Reject the k smallest p-values, k the largest with p_(k) <= alpha k / m (Benjamini and Hochberg 1995).

    Raises ValueError for a p-value outside (0, 1] or alpha outside (0, 1).
    """
    if not all(0 < p <= 1 for p in p_values):
        raise ValueError(f"p-values must lie in (0, 1]: {list(p_values)}")
    # The same rule as e-BH's with 1/p for e, which is no e-value: what it holds under is another matter.
    return e_bh([1 / p for p in p_values], alpha)


def threshold(name: str, alpha: float, m: int, rejected_so_far: int = 0) -> float:
    """The E that one more of m hypotheses needs, `rejected_so_far` being rejected (m / (alpha k) for e-bh).

    In a stream: as the last of the m, the rejections first and then only what costs wealth, so that in a
    better position less will do. For the p-valued procedures it is 1/alpha_t, since p = 1/max E.
    Raises as `decide`, and ValueError for m < 1.
    """
    if m < 1:
        raise ValueError(f"m={m}: there must be at least one hypothesis")
    done = min(max(rejected_so_far, 0), m - 1)
    if name == "e-bh":
        return m / (alpha * (done + 1))
    strong, weak = (math.inf, 0.0) if name in E_VALUED else (0.0, 0.5 if name == "addis" else 1.0)
    return 1 / levels(name, [strong] * done + [weak] * (m - done), alpha)[-1]  # addis discards p > 0.5


def p_from_log_e(max_log_e: float) -> float:
    """p = min(1, exp(-max log E)), from the largest log E so far; the smallest positive double, never 0.

    Valid at any time by Ville's inequality. Raises ValueError for NaN.
    """
    if math.isnan(max_log_e):
        raise ValueError("log E is NaN: no p-value")
    return max(math.exp(-max(max_log_e, 0.0)), math.ulp(0.0))


def _online(name: str, alpha: float) -> Procedure:
    """A fresh procedure, its initial wealth as in its paper and in the R package onlineFDR."""
    try:
        from online_fdr import e_values, p_values
    except ImportError:
        raise MissingExtra("online-fdr", "fdr") from None
    makers: dict[str, Callable[[], Procedure]] = {
        "e-lond": lambda: e_values.ELond(alpha),
        "saffron": lambda: p_values.Saffron(alpha, wealth=alpha / 2, lambda_=0.5),
        "addis": lambda: p_values.Addis(alpha, wealth=alpha / 2, lambda_=0.25, tau=0.5),
        "lord++": lambda: p_values.LordPlusPlus(alpha, wealth=alpha / 10),
        "lond": lambda: p_values.Lond(alpha),
    }
    if name not in makers:
        raise SpecError(f"unknown online FDR procedure '{name}': one of {', '.join(makers)}")
    return makers[name]()
