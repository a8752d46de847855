"""Whether values lie on the grid that rounding to a few bits leaves, a row or a group of columns at a time."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from whatchanged.weights.dtypes import Floats
from whatchanged.weights.model import Grid

GROUPS = (None, 128, 64, 32)  # the widest that fits is the one
# (bits, levels): symmetric grids reach `levels` steps from zero, ranged ones span `levels` steps.
SYMMETRIC = ((2, 1), (3, 3), (3, 4), (4, 7), (4, 8), (5, 15), (5, 16), (6, 31), (6, 32), (8, 127), (8, 128))
RANGED = ((2, 3), (3, 7), (4, 15), (5, 31), (6, 63), (8, 255))
# Relative error of a stored value, twice: its own and the step's.
STORED = {"BF16": 2**-8, "F16": 2**-11}
FIRST = 1024
ENTRIES = 64  # fewer could lie on a grid by chance


def grid_of(base: Floats, candidate: Floats, dtype: str) -> Grid | None:
    """The grid of sampled rows [rows, columns] that the base's are not on; None if there is none.

    Two rows are looked at first (more if they are short), the others only if those lie on a grid. Three forms: a
    step of absmax / levels around zero; a step of range / levels around zero, or from the minimum.
    """
    few = max(2, -(-FIRST // candidate.shape[1]))
    if len(candidate) > few and grid_of(base[:few], candidate[:few], dtype) is None:
        return None
    loose = STORED.get(dtype, 1e-5)
    for group in GROUPS:
        width = candidate.shape[1] if group is None else group
        if candidate.shape[1] % width or width < 16 or (group is not None and group >= candidate.shape[1]):
            continue
        groups = candidate.reshape(-1, width)
        alive = np.abs(groups).max(1) > 0
        groups, before = groups[alive].astype(np.float64), base.reshape(-1, width)[alive].astype(np.float64)
        for (bits, steps, zero), (_, base_steps, base_zero) in zip(_forms(groups), _forms(before), strict=True):
            if _on_grid(groups, steps, zero, loose) and not _on_grid(before, base_steps, base_zero, loose):
                near = np.abs(groups - before) <= steps * 0.5 * (1 + 8 * loose) + np.abs(groups) * loose
                return Grid(bits=bits, group=group, within=float(near.mean()))
    return None


def _forms(groups: NDArray[np.float64]) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
    """(bits, step [n, 1], zero [n, 1]) of each form, the fewest bits first."""
    low, high = groups.min(1, keepdims=True), groups.max(1, keepdims=True)
    size = np.maximum(high, -low)
    for bits in (2, 3, 4, 5, 6, 8):
        yield from ((bits, size / levels, np.zeros_like(low)) for b, levels in SYMMETRIC if b == bits)
        for levels in (levels for b, levels in RANGED if b == bits):
            yield bits, (high - low) / levels, np.zeros_like(low)
            yield bits, (high - low) / levels, low


def _on_grid(groups: NDArray[np.float64], steps: NDArray[np.float64], zero: NDArray[np.float64], loose: float) -> bool:
    """Whether nearly all entries that are stored finely enough to tell lie within 0.12 of a whole step."""
    if not len(groups) or (steps <= 0).any():
        return False
    few = slice(None, None, max(1, len(groups) // 16))
    # A look at a few hundred entries rules out nearly every form.
    return _near(groups[few, :64], steps[few], zero[few], loose) and _near(groups, steps, zero, loose)


def _near(groups: NDArray[np.float64], steps: NDArray[np.float64], zero: NDArray[np.float64], loose: float) -> bool:
    places = (groups - zero) / steps
    error = 0.01 + loose * (np.abs(places) + np.abs(groups / steps))
    # Zero is on every grid around zero, and tells nothing.
    told = (error < 0.12) & (places != 0)
    off = np.abs(places - np.rint(places))[told]
    return bool(told.sum() >= ENTRIES and (off <= error[told]).mean() > 0.995)
