"""How far a row stands out from many: read energies against their median and MAD, per position and module."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from whatchanged.weights.dtypes import Floats

# The least spread, as a share of the median: below it is rounding.
LEAST = 0.01


class Standing(NamedTuple):
    """How one row stands out: score, and the module (by number) where it does most, with its z there."""

    score: float
    module: int
    z: float


class Yardstick(NamedTuple):
    """Median [positions, modules] and spread [modules] of read energies over many rows.

    The spread is 1.4826 MAD (a Gaussian's standard deviation) at the position where that is largest: after the token
    most rows are nearly alike, and a little more there must not count as much as a lot at the token itself.
    """

    centre: Floats
    spread: Floats

    @classmethod
    def of(cls, tables: Floats) -> "Yardstick":
        """From read energies [rows, positions, modules]."""
        centre = np.median(tables, 0)
        spread = 1.4826 * np.median(np.abs(tables - centre), 0).max(0)
        spread = np.maximum(np.where(spread > 0, spread, tables.std(0).max(0)), LEAST * centre.max(0))
        return cls(centre, np.where(spread > 0, spread, np.inf))

    def standing(self, table: Floats) -> Standing:
        """Of one row [positions, modules]."""
        z = ((table - self.centre) / self.spread).max(0)
        best = int(z.argmax())
        return Standing(float(np.log1p(np.maximum(z, 0)).mean()), best, float(z[best]))


def merged(rounds: Sequence[dict[int, Standing]], keys: Iterable[int]) -> dict[int, Standing]:
    """Scores averaged over the templates; module and z of the template in which z is largest."""
    result = {}
    for key in keys:
        seen = [standings[key] for standings in rounds]
        best = max(seen, key=lambda s: s.z)
        result[key] = best._replace(score=sum(s.score for s in seen) / len(seen))
    return result


def leading(standings: dict[int, Standing], count: int) -> list[int]:
    """The keys that stand out most, in falling order."""
    return sorted(standings, key=lambda key: (-standings[key].score, key))[:count]
