"""What is alike everywhere: the medians that a change must exceed."""

import numpy as np
from numpy.typing import NDArray


def medians(key: NDArray[np.int64], value: NDArray[np.float64], keys: int, count: int) -> NDArray[np.float64]:
    """float64[keys]: of each key's values over `count` rows, at most one a row; a row that lists none has 0."""
    found = np.zeros(keys)
    # With more zeros than values the median is 0.
    for k in np.flatnonzero(2 * np.bincount(key, minlength=keys) > count):
        values = value[key == k]
        found[k] = np.median(np.concatenate([values, np.zeros(count - len(values))]))
    return found
