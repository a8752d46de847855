"""Rank correlation: how well one ordering foretells another."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def spearman(a: Sequence[float] | NDArray[np.floating], b: Sequence[float] | NDArray[np.floating]) -> float:
    """Spearman's rho: Pearson's correlation of the ranks, ties sharing their mean rank. 0 where either is constant."""
    x, y = (_ranks(np.asarray(values, np.float64)) for values in (a, b))
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size else 0.0


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last: NDArray[np.float64] = np.cumsum(counts) - (counts - 1) / 2
    return last[place]
