"""A small random image of dW, added up while its blocks are still in a core's cache."""

from dataclasses import dataclass

import numpy as np

from whatchanged.weights.dtypes import Floats

EXACT_SIDE = 256
ROWS = 640
# Rows of a block that are added up by one matrix product.
FOLD = 8


def rows_of(shape: tuple[int, int], width: int) -> int:
    """Rows of the sketch of a dW [m, n]; none where its spectrum is exact: its smaller side is at most 256."""
    return 0 if min(shape) <= EXACT_SIDE else min(shape[0], max(ROWS, 2 * width))


@dataclass
class Sketch:
    """S dW [s, n]: every row of dW, with a random sign, is added to one of s rows.

    CountSketch (Clarkson and Woodruff 2013): one sum for each entry, where a Gaussian sketch takes one for each of
    its columns. s = min(m, 640); with s = m it is dW itself but for signs. `rank` of `width` directions are kept.
    Rows of `image` from `filled` on hold nothing yet.
    """

    image: Floats
    signs: Floats
    rank: int
    width: int
    filled: int = 0

    @classmethod
    def of(
        cls, shape: tuple[int, int], rank: int, seed: int, oversampling: int, room: Floats | None = None
    ) -> "Sketch | None":
        """None where `rows_of` says 0. `room` is float32[rows_of, n]."""
        rows = rows_of(shape, rank + oversampling)
        if not rows:
            return None
        rng = np.random.default_rng(seed)
        signs = (2 * rng.integers(0, 2, shape[0]) - 1).astype(np.float32)
        width = min(rank + oversampling, rows, shape[1])
        image = np.empty((rows, shape[1]), np.float32) if room is None else room
        return cls(image, signs, min(rank, width), width)

    @property
    def met(self) -> float:
        """1/s; 0 where no two rows of dW met in one row of the sketch."""
        return 1 / len(self.image) if len(self.image) < len(self.signs) else 0.0

    def add(self, start: int, delta: Floats) -> None:
        """The rows of dW from `start` on."""
        fold = min(FOLD, 1 << (len(self.signs) // len(self.image)).bit_length() - 1)
        step = len(self.image) * fold
        for first in range(0, len(delta), step):
            part = delta[first : first + step]
            whole = len(part) // fold * fold
            self._fold(start + first, part[:whole], fold)
            if whole < len(part):
                self._fold(start + first + whole, part[whole:], 1)

    def _fold(self, start: int, part: Floats, fold: int) -> None:
        """Rows r, r + q, r + 2q ... of a part of q * fold rows become one."""
        count = len(part) // fold
        signs = self.signs[start : start + len(part)].reshape(fold, count)
        groups = part.reshape(fold, count, part.shape[1]).transpose(1, 0, 2)
        sums = np.matmul(signs.T[:, None], groups)[:, 0]
        place = start // fold % len(self.image)
        fits = min(count, len(self.image) - place)
        self._put(place, sums[:fits])
        self._put(0, sums[fits:])

    def _put(self, place: int, rows: Floats) -> None:
        """Add the rows to those from `place` on; the first to come need no zeros to be added to."""
        end = place + len(rows)
        known = min(max(self.filled - place, 0), len(rows))
        self.image[place : place + known] += rows[:known]
        if end > self.filled:
            self.image[self.filled : place] = 0
            self.image[place + known : end] = rows[known:]
            self.filled = end
