"""What one pass over a pair of tensors adds up, block by block, and the traits that come of it."""

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from whatchanged.weights.dtypes import ROUNDING, Floats, rounding_variance, to_bfloat16
from whatchanged.weights.grid import grid_of
from whatchanged.weights.model import Traits
from whatchanged.weights.spectrum import FLOOR

SAMPLED_ROWS = 8
# Of a row that is one long vector, as a bias.
SAMPLED_COLUMNS = 16384


def dot(a: Floats, b: Floats) -> float:
    """Inner product of two arrays of one shape, flattened."""
    return float(np.dot(a.reshape(-1), b.reshape(-1)))


def _seen(c: Floats) -> bool:
    """Whether a look at a hundredth of a block sees a zero; at all of a small one."""
    few = c.reshape(-1)[:: 97 if c.size > 97 * 97 else 1]
    return bool(np.count_nonzero(few) < len(few))


@dataclass
class Sums:
    """Running totals. W, D and T are base, difference, and (third - base); `ww` is the sum of W * W, and so on."""

    rows: int
    columns: int
    dtype: str
    ww: float = 0.0
    wd: float = 0.0
    dd: float = 0.0
    wt: float = 0.0
    dt: float = 0.0
    tt: float = 0.0
    changed: int = 0
    zeroed: int = 0
    pruned_rows: int = 0
    smallest_first: int = 0
    groups: int = 0
    two_of_four: int = 0
    roundings: set[str] = field(default_factory=lambda: set(ROUNDING))
    samples: list[tuple[Floats, Floats]] = field(default_factory=list)

    def __post_init__(self) -> None:
        wanted = np.linspace(0, max(self.rows - 1, 0), SAMPLED_ROWS).astype(int)
        # The next one last.
        self._wanted: list[int] = sorted(set(wanted.tolist()), reverse=True)

    def add(self, start: int, w: Floats, c: Floats, d: Floats, t: Floats | None) -> float:
        """A block of rows from `start` on: base, candidate, candidate - base, third - base, all [rows, columns].

        Returns the block's |D|_F^2. Zeros are counted where a look at a hundredth of the block sees one: what is
        fewer is no pruning.
        """
        dd = dot(d, d)
        self.ww += dot(w, w)
        self.dd += dd
        self.wd += dot(w, d)
        if t is not None:
            self.wt, self.dt, self.tt = self.wt + dot(w, t), self.dt + dot(d, t), self.tt + dot(t, t)
        self._sample(start, w, c)
        if dd:
            # As bits: counting floats is five times slower, and a difference of equals is never -0.
            self.changed += int(np.count_nonzero(d.view("<u4")))
            self.groups += d.size // 4
            if _seen(c):
                self._zeros(w, c)
        self._round(w, c)
        return dd

    def same(self, start: int, w: Floats) -> None:
        """A block that is bit for bit the same in both."""
        self.ww += dot(w, w)
        self._sample(start, w, w)
        self._round(w, w)

    def _round(self, w: Floats, c: Floats) -> None:
        """Drop the dtypes to which `w`, rounded, is not `c`. Few entries mostly tell."""
        for few in (slice(1), slice(None)) if self.roundings else ():
            self.roundings = {name for name in self.roundings if np.array_equal(ROUNDING[name](w[few]), c[few])}

    def _sample(self, start: int, w: Floats, c: Floats) -> None:
        """Keep the wanted rows of this block."""
        columns = SAMPLED_COLUMNS if self.rows == 1 else None
        while self._wanted and self._wanted[-1] < start + len(w):
            row = self._wanted.pop() - start
            self.samples.append((w[row, :columns].copy(), c[row, :columns].copy()))

    def _zeros(self, w: Floats, c: Floats) -> None:
        zero = c == 0
        gone = zero & (w != 0)
        size = np.abs(w)
        largest_gone = np.where(gone, size, 0).max(1)
        smallest_kept = np.where(zero, np.inf, size).min(1)
        pruned = gone.any(1)
        self.zeroed += int(np.count_nonzero(gone))
        self.pruned_rows += int(pruned.sum())
        self.smallest_first += int((pruned & (largest_gone <= smallest_kept)).sum())
        if self.columns % 4 == 0:
            self.two_of_four += int((zero.reshape(-1, 4).sum(1) >= 2).sum())

    @property
    def count(self) -> int:
        """Entries."""
        return self.rows * self.columns

    @property
    def cosine(self) -> float | None:
        """Between W and W'; None if either is zero."""
        other = self.ww + 2 * self.wd + self.dd
        if self.ww <= 0 or other <= FLOOR * self.ww:
            return None
        return min(1.0, (self.ww + self.wd) / math.sqrt(self.ww * other))

    @cached_property
    def rounding(self) -> float:
        """|error|_F^2 that rounding to the candidate's dtype must have made, from sampled rows."""
        if not self.samples:
            return 0.0
        kept = np.concatenate([c[:: max(1, len(c) // 2048)] for _, c in self.samples])
        # A float32 file may hold values that were rounded before it was written.
        coarse = self.dtype == "F32" and np.array_equal(to_bfloat16(kept), kept)
        return rounding_variance(kept, "BF16" if coarse else self.dtype) * self.count

    def traits(self) -> Traits:
        """Of a pair that differs somewhere."""
        w, c = (np.stack(rows) for rows in zip(*self.samples, strict=True))
        d = (c - w).astype(np.float64).reshape(-1)
        squares = d * d
        spread = float(squares.mean())
        mixture, left = self._mixture()
        dense = self.changed > 0.5 * self.count and self.columns > 1
        return Traits(
            rounds_to=min(self.roundings, default=None),
            zeros=self.zeroed / self.count,
            only_zeros=self.zeroed == self.changed > 0,
            smallest_first=self.smallest_first / max(self.pruned_rows, 1),
            two_of_four=self.two_of_four / max(self.groups, 1),
            grid=grid_of(w, c, self.dtype) if dense and self.rows > 1 else None,
            kurtosis=float((squares * squares).mean()) / spread**2 if spread else 0.0,
            correlation=self.wd / math.sqrt(self.ww * self.dd) if self.ww * self.dd else 0.0,
            rounding=self.rounding / self.dd if self.dd else 0.0,
            scaled=1 + self.wd / self.ww if self.ww else 1.0,
            scaled_left=max(0.0, 1 - self.wd**2 / (self.ww * self.dd)) if self.ww * self.dd else 1.0,
            mixture=mixture,
            mixture_left=left,
        )

    def _mixture(self) -> tuple[tuple[float, float] | None, float]:
        """(a, b) in W' = a W + b W_third, and the share of |dW|_F^2 it leaves: least squares on W and T."""
        gram: NDArray[np.float64] = np.array([[self.ww, self.wt], [self.wt, self.tt]])
        if not self.dd or not self.tt or np.linalg.cond(gram) > 1e12:
            return None, 1.0
        aims = np.array([self.wd, self.dt])
        x, b = np.linalg.solve(gram, aims)
        # D = x W + b T and T = third - W, so W' = (1 + x - b) W + b third.
        return (float(1 + x - b), float(b)), max(0.0, 1 - float(aims @ [x, b]) / self.dd)
