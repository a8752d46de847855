"""What prompts are worth: the signed shift on them that no screened prompt showed before, beyond drift, in nats."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whatchanged.records import Shift
from whatchanged.screen.factors import contributions, summed

# Drift is what one of so many prompts on which nothing new happens would exceed.
RARE = 100_000

Masses = list[tuple[NDArray[np.int64], NDArray[np.float64]]]


class Rewards:
    """What was shown so far, by token, sign and place; it begins with the pool's shifts.

    Places are an answer's opening and the rest of it. Drift adds up along an answer, and would hide what turns a single
    word: each place has its own, `drift` in nats of the rest and of the opening.
    """

    def __init__(self, shifts: Sequence[Shift]) -> None:
        pool = masses(shifts)
        self.drift = drift_levels(shifts, pool)
        self._shown = np.zeros(0)
        for mass in pool:
            self._pay(*mass)

    def pay(self, shifts: Sequence[Shift]) -> NDArray[np.float64]:
        """float64[shifts], nats: per prompt the sum over (token, sign, place) of what it shows more than any before,
        less the drift. In their order: of near-duplicates only the first earns."""
        return np.array([self._pay(*mass) for mass in masses(shifts)])

    def _pay(self, columns: NDArray[np.int64], values: NDArray[np.float64]) -> float:
        if not len(columns):
            return 0.0
        if columns[-1] >= len(self._shown):
            self._shown = np.pad(self._shown, (0, int(columns[-1]) + 1 - len(self._shown)))
        new = values - self._shown[columns]
        self._shown[columns] = np.maximum(self._shown[columns], values)
        return float(np.maximum(new - self.drift[columns % 2], 0.0).sum())


def masses(shifts: Sequence[Shift]) -> Masses:
    """Per shift its columns (4 x token, + 2 for lost, + 1 at the answer's opening; ascending) and their nats, summed
    over positions: q log(q/p) gained, p log(p/q) lost."""
    flat = contributions(shifts)
    row, column, nats = summed(flat.shift, flat.placed, flat.value)
    ends = np.searchsorted(row, np.arange(len(shifts) + 1))
    return [(column[a:b], nats[a:b]) for a, b in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]


def drift_levels(shifts: Sequence[Shift], pool: Masses) -> NDArray[np.float64]:
    """float64[2], nats: what a pool's drift does not exceed in a column of an answer's rest, and of its opening.

    `pool`: the masses of the shifts. Those that were not followed tell nothing of the rest.
    """
    answers = [mass for shift, mass in zip(shifts, pool, strict=True) if shift.followed]
    return np.array([drift_level(left_out(_at(some, at))) for at, some in enumerate((answers, pool))])


def _at(pool: Masses, opening: int) -> Masses:
    """The columns of one place."""
    return [(columns[here], values[here]) for columns, values in pool for here in (columns % 2 == opening,)]


def left_out(pool: Masses) -> NDArray[np.float64]:
    """float64[prompts], nats: the most that each shows of any column beyond what all the others show."""
    if not pool:
        return np.zeros(0)
    prompt = np.repeat(np.arange(len(pool)), [len(columns) for columns, _ in pool])
    column = np.concatenate([columns for columns, _ in pool])
    value = np.concatenate([values for _, values in pool])
    order = np.lexsort((value, column))
    prompt, column, value = prompt[order], column[order], value[order]
    # Only a column's largest is beyond all others: by how much it exceeds its neighbour, the second largest.
    last = np.append(column[1:] != column[:-1], True) if len(column) else np.zeros(0, bool)
    second = np.where(np.append(False, column[1:] == column[:-1]), np.append(0.0, value[:-1]), 0.0)[: len(value)]
    found = np.zeros(len(pool))
    np.maximum.at(found, prompt[last], (value - second)[last])
    return found


def drift_level(new: NDArray[np.float64]) -> float:
    """Nats that one in 100,000 drifting prompts would exceed, for what the pool's prompts show beyond the others.

    The tail is taken as exponential from the median through the 90th percentile, so that up to a tenth of the pool
    may truly show something of its own. With the median 0 of a sharp change elsewhere, drift is 0 too.
    """
    if not len(new):
        return 0.0
    half, tenth = np.quantile(new, [0.5, 0.9])
    return float(half + (tenth - half) * np.log(RARE / 2) / np.log(5))
