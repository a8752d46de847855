"""The spectrum of a dW that is never held whole: pieces of rows, each projected on its leading directions."""

import numpy as np

from whatchanged.weights.dtypes import Floats
from whatchanged.weights.sketch import EXACT_SIDE, FOLD
from whatchanged.weights.spectrum import (
    Doubles,
    Look,
    edge_of,
    gram,
    inner,
    iterated,
    look,
    residual,
    sketch_of,
    sketch_rows,
    times,
    values_of,
)

# Blocks of this many entries stay in a core's cache from one sum to the next. Smaller ones cost more turns at the
# interpreter's lock than they save.
BLOCK = 1 << 18
# Blocks that are sketched or projected at once: a matrix product of a few rows costs more a row.
STRIPE = 4
# Blocks that make a piece: 64 MB.
BLOCKS = 64
# Blocks that make one where the known directions serve: 8 MB, which need not leave the cache.
SHORT = 8
# Rows of images that are kept apart.
STACKED = 384


def block_rows(columns: int) -> int:
    """Rows that are read at once: whole groups of those that the sketch adds up."""
    rows = max(1, BLOCK // max(columns, 1))
    return rows // FOLD * FOLD or 1 << rows.bit_length() - 1


def piece_rows(rows: int, columns: int) -> int:
    """Rows of dW [rows, columns] held at once, whole blocks; all of a matrix that has at most 256 of them."""
    return rows if rows <= EXACT_SIDE else min(rows, BLOCKS * block_rows(columns))


def entries_held(rows: int, columns: int, rank: int) -> int:
    """float32 numbers that `Pieces` of a dW [rows, columns] need room for."""
    return (piece_rows(rows, columns) + sketch_rows((rows, columns), rank)) * columns


class Pieces:
    """dW [m, n], written block by block into `room`, float32[entries_held].

    A piece that is full is projected, D_i -> D_i P P' or Q_i Q_i' D_i, and only its images D_i P or Q_i' D_i stay. P
    are directions that a sketch of the rows so far shows; they serve the next pieces as long as they hold as much of
    those, and only then are those not sketched, and end as soon as that can be told. |dW - projected|_F^2 is |dW|_F^2
    less that of the images, exactly, and no singular value is off by more (Weyl's inequality).
    """

    def __init__(self, shape: tuple[int, int], start: int, rank: int, seed: int, room: Floats) -> None:
        self._shape = shape
        rows = piece_rows(*shape)
        self._room, image = np.split(room.reshape(-1, shape[1]), [rows])
        self._stripe = STRIPE * block_rows(shape[1])
        self._first = start // rows * rows
        # Rows of the piece that are sketched or projected, and after how many it is asked whether it may end.
        self._done = start - self._first
        self._due = self._short = SHORT * block_rows(shape[1])
        self._room[: self._done] = 0
        self._sketch = sketch_of(shape, rank, seed, image)
        self._look: Look | None = None
        # Of dW if it is small, else of the images on the directions of that look.
        self._gram: Doubles | float = 0.0
        self._stack = np.zeros((0, shape[1]), np.float32)
        self._found, self._held, self._dropped = 0, 0.0, 0.0
        # Of the piece, and of its rows that are not yet done.
        self._energy, self._fresh = 0.0, 0.0
        # Of the piece's images on the known directions, made while its blocks are in the cache.
        self._inner: Doubles | float = 0.0
        self.edge_ratio = 0.0

    def place(self, start: int, count: int) -> Floats:
        """Where the rows from `start` on are to be written."""
        return self._room[start - self._first : start - self._first + count]

    def add(self, start: int, count: int, energy: float) -> None:
        """These rows are written; `energy` is their |dW|_F^2, 0 where they are zero."""
        self._fresh += energy
        end = start + count - self._first
        full = end == len(self._room) or self._first + end == self._shape[0]
        if not full and end - self._done < self._stripe:
            return
        self._take(self._room[self._done : end])
        self._done = end
        if full or self._ends():
            self._close(self._room[:end])
            self._first, self._done, self._due = self._first + end, 0, self._short
            self._energy, self._inner = 0.0, 0.0

    def _take(self, rows: Floats) -> None:
        if self._fresh and self._sketch is not None:
            if self._look is None:
                self._sketch.add(self._first + self._done, rows)
            else:
                self._inner = self._inner + inner((rows @ self._look.directions).T)
        self._energy, self._fresh = self._energy + self._fresh, 0.0

    def _ends(self) -> bool:
        """Whether the known directions serve what there is of the piece. Asked ever more rarely while they do not."""
        # Few rows show no directions: none are left over for a piece of their own.
        left = self._shape[0] - self._first - self._done
        if self._look is None or self._done < self._due or left < self._short:
            return False
        self._due = 2 * self._done
        return self._values() is not None

    def _close(self, piece: Floats) -> None:
        if not self._energy:
            return
        if self._sketch is None:
            self._gram = self._gram + gram(piece if self._shape[0] >= self._shape[1] else piece.T)
            return
        values = self._values()
        if values is None:
            self._settle()
            if self._look is not None:
                self._sketch.add(self._first, piece)
            self._look = look(self._sketch)
            block = times(piece, self._look.directions)
            self._inner = inner(block.T)
            values = self._values()
            if values is None:
                self._look = None
                images = iterated(piece, block, self._energy, float(values_of(block.T)[0]), self._sketch.rank).right
                values = values_of(images)
                self._push(images)
        if self._look is not None:
            self._gram = self._gram + self._inner
        self._found = max(self._found, len(values))
        self._held += float(values @ values)
        self.edge_ratio = max(self.edge_ratio, float(values[0]) / edge_of(self._energy, piece.shape))

    def _values(self) -> Doubles | None:
        """Singular values of the piece's image on the known directions; None if they do not do."""
        if self._look is None or isinstance(self._inner, float):
            return None
        values: Doubles = np.sqrt(np.maximum(np.linalg.eigvalsh(self._inner)[::-1], 0.0))
        return values if self._look.enough(values, self._energy, (self._done, self._shape[1])) else None

    def _settle(self) -> None:
        """Images on the directions of one look become rows of the stack."""
        if self._look is not None and not isinstance(self._gram, float):
            squares, turn = np.linalg.eigh(self._gram)
            root = np.sqrt(np.maximum(squares, 0.0))[:, None] * turn.T
            self._push(root.astype(np.float32) @ self._look.directions.T)
        self._gram = 0.0

    def _push(self, images: Floats) -> None:
        """Stack these rows; of a high stack only the leading directions stay, and what is dropped is counted."""
        self._stack = np.vstack([self._stack, images])
        if len(self._stack) <= STACKED:
            return
        squares, turn = np.linalg.eigh(inner(self._stack))
        self._dropped += float(np.sqrt(max(squares[: -STACKED // 2].sum(), 0.0)))
        self._stack = turn[:, -STACKED // 2 :].T.astype(np.float32) @ self._stack

    def values(self, energy: float) -> tuple[Doubles, float, bool]:
        """(singular values in falling order, bound of each one's error, whether they are exact); `energy` is |dW|_F^2.

        As many as the piece with the most directions has.
        """
        if self._sketch is None:
            return np.sqrt(np.maximum(np.linalg.eigvalsh(self._gram)[::-1], 0.0)), 0.0, True
        self._settle()
        return values_of(self._stack)[: self._found], residual(energy, self._held) + self._dropped, False
