"""Which write directions say more than chance, when hundreds of them are read."""

import math
from typing import NamedTuple

from whatchanged.stats import e_bh
from whatchanged.subjects import Subject
from whatchanged.weights.predict.directions import ReadDirections
from whatchanged.weights.predict.write import Written, leading, write_directions, writers

# p is at least 1 / (null + 1), and of m directions Benjamini-Hochberg rejects one alone only below level / m.
LEAST_NULL = 999
MOST_NULL = 4999


class Readings(NamedTuple):
    """The write directions beyond chance, the strongest logit first, of `read` that were held against `null`."""

    kept: list[Written]
    read: int
    null: int


def readings(
    base: Subject, directions: ReadDirections, level: float = 0.05, *, top: int = 10, seed: int = 0
) -> Readings:
    """Those of `write_directions` with p <= 0.01 that stand at a false discovery rate of `level`.

    Benjamini and Hochberg 1995; that all share one null keeps the rate (Bates et al. 2023: p-values with one
    calibration set depend positively). The null is as large as one direction alone needs to pass, from 999 to 4999;
    of more than 4999 `level` directions several must pass together. Raises AccessError below 'weights'.
    """
    read = sum(leading(m) for m in writers(base, directions))
    null = min(max(LEAST_NULL, math.ceil(read / level) - 1), MOST_NULL)
    found = write_directions(base, directions, top, null, seed) if read else []
    # k with p_(k) <= level k / m are those with 1 / p_(k) >= m / (level k).
    passing = e_bh([1 / w.p for w in found], level)
    kept = [w for w, passes in zip(found, passing, strict=True) if passes and w.reading]
    return Readings(sorted(kept, key=lambda w: -w.strongest), read, null)
