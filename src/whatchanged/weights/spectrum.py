"""Singular values and vectors of dW: exactly, from factors, or by a randomised range finder."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatchanged.weights.adapter import Factors
from whatchanged.weights.dtypes import Floats
from whatchanged.weights.model import Spectrum

Doubles = NDArray[np.float64]

EXACT_SIDE = 256
OVERSAMPLING = 8
# Passes over dW are what a spectrum costs: two for each step.
MAX_STEPS = 4
# Directions that are polished once the range holds all that sticks out.
POLISHED = 8
ENERGY = 0.9
# float32 sums: what is smaller than this share of |dW|_F^2 is not told from zero.
FLOOR = 1e-6


@dataclass(frozen=True)
class Triples:
    """dW ~ left @ diag(values) @ right; left [m, p], right [p, n] with orthonormal columns and rows.

    `residual` bounds the Frobenius norm of what is left out, hence also each value's error.
    """

    left: Doubles
    values: Doubles
    right: Doubles
    residual: float
    exact: bool


@dataclass(frozen=True)
class Sketch:
    """dW @ omega, added up while the blocks of dW are still in a core's cache; [m, rank + 8]."""

    omega: Floats
    rows: Floats

    @classmethod
    def of(cls, shape: tuple[int, int], rank: int, seed: int) -> "Sketch | None":
        """None for a matrix whose spectrum is exact."""
        if min(shape) <= EXACT_SIDE:
            return None
        width = min(rank + OVERSAMPLING, *shape)
        omega = np.random.default_rng(seed).standard_normal((shape[1], width), np.float32)
        return cls(omega, np.zeros((shape[0], width), np.float32))

    def add(self, start: int, delta: Floats) -> None:
        """The rows of dW from `start` on."""
        np.matmul(delta, self.omega, out=self.rows[start : start + len(delta)])


def triples(delta: Floats, rank: int, seed: int) -> Triples:
    """Of a matrix [m, n]: all singular triples if its smaller side is at most 256, else at least `rank`."""
    sketch = Sketch.of(delta.shape, rank, seed)
    if sketch is None:
        left, values, right = np.linalg.svd(delta.astype(np.float64), full_matrices=False)
        return Triples(left, values, right, 0.0, True)
    energy = squared(delta)
    sketch.add(0, delta)
    basis, images = _range(delta, sketch, energy)
    inner, values, right = np.linalg.svd(images.astype(np.float64), full_matrices=False)
    return Triples(basis @ inner, values, right, _residual(energy, values), False)


def factor_triples(factors: Factors) -> Triples:
    """Exactly, of left @ right: the SVD of R1 R2' where left = Q1 R1 and right' = Q2 R2."""
    q1, r1 = np.linalg.qr(factors.left.astype(np.float64))
    q2, r2 = np.linalg.qr(factors.right.astype(np.float64).T)
    inner, values, outer = np.linalg.svd(r1 @ r2.T)
    count = len(values)
    return Triples(q1 @ inner[:, :count], values, outer[:count] @ q2.T, 0.0, True)


def singular_values(delta: Floats, sketch: Sketch | None, energy: float) -> tuple[Doubles, float, bool]:
    """(values [p], residual, exact) as `triples` gives, without the vectors. `energy` is |dW|_F^2."""
    if sketch is None:
        return np.sqrt(np.maximum(np.linalg.eigvalsh(_gram(delta))[::-1], 0.0)), 0.0, True
    _, images = _range(delta, sketch, energy)
    values = _values(images)
    return values, _residual(energy, values), False


def summary(values: Doubles, energy: float, residual: float, exact: bool, shape: tuple[int, int], rounding: float,
            rank: int) -> Spectrum:  # fmt: skip
    """The record of a spectrum. `rounding` is the |error|_F^2 that storing the candidate must have made."""
    held = np.cumsum(values**2)
    reach = int(np.searchsorted(held, ENERGY * energy * (1 - FLOOR))) + 1
    found = numerical_rank(values, energy, shape, rounding, exact)
    top = float(values[0])
    following = float(values[found]) if found is not None and found < len(values) else 0.0
    edge = math.sqrt(energy / math.prod(shape)) * (math.sqrt(shape[0]) + math.sqrt(shape[1]))
    return Spectrum(
        values=tuple(float(f"{value:.7g}") for value in values[:rank]),
        stable_rank=energy / top**2,
        energy_rank=reach if reach <= len(values) else None,
        found=len(values),
        residual=residual,
        exact=exact,
        rank=found,
        left_over=0.0 if found is None else max(0.0, 1 - float(held[found - 1]) / energy),
        gap=None if following <= 1e-3 * top else float(values[(found or 1) - 1]) / following,
        edge_ratio=top / edge,
    )


def numerical_rank(values: Doubles, energy: float, shape: tuple[int, int], rounding: float, exact: bool) -> int | None:
    """The smallest r such that what lies beyond is nothing, or no more than rounding makes and without a direction.

    Noise of variance s^2 has its largest singular value near s (sqrt(m) + sqrt(n)) (Marchenko and Pastur 1967);
    rows of unlike size and small matrices move it up. Rounding an update smaller than an ulp errs by up to
    three times ulp^2 / 12. None where there is no such r among values that can be trusted, or where
    rounding may have made most of dW.
    """
    nothing = 10 * FLOOR * energy
    whole = exact or energy - float(values @ values) <= nothing
    trusted = len(values) if whole else len(values) - OVERSAMPLING
    edge = (math.sqrt(shape[0]) + math.sqrt(shape[1])) * (1.5 + min(shape) ** (-2 / 3))
    # Beyond this, all of dW would pass for rounding.
    noise = 3 * rounding if 3 * rounding < 0.75 * energy else 0.0
    rest = energy
    for r in range(1, trusted + 1):
        rest = max(rest - float(values[r - 1]) ** 2, 0.0)
        if rest <= nothing:
            return r
        following = float(values[r]) if r < len(values) else 0.0
        room = max((shape[0] - r) * (shape[1] - r), 1)
        if rest <= noise and following <= edge * math.sqrt(rest / room):
            return r
    return None


def squared(matrix: Floats) -> float:
    """|matrix|_F^2 by BLAS, in pieces so that float32 sums stay exact to about 1e-6."""
    flat = matrix.reshape(-1)
    return math.fsum(float(np.dot(part, part)) for part in np.split(flat, range(1 << 18, len(flat), 1 << 18)))


def _range(delta: Floats, sketch: Sketch, energy: float) -> tuple[Floats, Floats]:
    """Orthonormal Q [m, p] and Q'dW [p, n] (Halko, Martinsson and Tropp 2011, algorithm 4.4).

    Every power of the power iteration stays in Q (a block Krylov space: Musco and Musco 2015), which costs no
    more passes and gives the largest values sooner. All directions are iterated while the range may be too
    narrow, then only the leading ones. It ends when the largest value no longer grows, or sticks out of nothing.
    """
    basis = np.zeros((delta.shape[0], 0), np.float32)
    images = np.zeros((0, delta.shape[1]), np.float32)
    block, last = sketch.rows, sketch.rows.shape[1] - OVERSAMPLING
    top, sides = 0.0, sum(map(math.sqrt, delta.shape))
    for step in range(MAX_STEPS):
        fresh = _orthonormal(block, basis)
        if not fresh.shape[1]:
            break
        basis, images = np.hstack([basis, fresh]), np.vstack([images, fresh.T @ delta])
        squares, turn = np.linalg.eigh(_inner(images))
        values = np.sqrt(np.maximum(squares[::-1], 0.0))
        rest = max(energy - float(values @ values), 0.0)
        edge = math.sqrt(rest / delta.size) * sides
        wide = values[min(last, len(values) - 1)] > 1.3 * edge
        # What a step still adds falls by (what is left / the largest)^4. Noise has no leading directions:
        # more passes would polish values that tell nothing.
        coming = (float(values[0]) - top) * (edge / float(values[0])) ** 4
        settled = step > 0 and not wide and (values[0] < 1.3 * edge or coming <= 3e-4 * values[0])
        if rest <= 10 * FLOOR * energy or settled or step + 1 == MAX_STEPS:
            break
        top = float(values[0])
        leading = turn[:, ::-1][:, : len(fresh.T) if wide else POLISHED].astype(np.float32)
        block = delta @ (leading.T @ images).T
    return basis, images


def _orthonormal(block: Floats, basis: Floats) -> Floats:
    """An orthonormal basis float32[m, q] of what `block` [m, p] adds to `basis`; dependent columns are dropped."""
    fresh, known = block.astype(np.float64), basis.astype(np.float64)
    size = float((fresh**2).sum(0).max(initial=0.0))
    for least in (1e-10 * size, 0.5):
        fresh -= known @ (known.T @ fresh)
        weights, vectors = np.linalg.eigh(fresh.T @ fresh)
        keep = weights > least
        fresh = fresh @ (vectors[:, keep] / np.sqrt(weights[keep]))
    return fresh.astype(np.float32)


def _inner(images: Floats) -> Doubles:
    wide = images.astype(np.float64)
    inner: Doubles = wide @ wide.T
    return inner


def _values(images: Floats) -> Doubles:
    values: Doubles = np.sqrt(np.maximum(np.linalg.eigvalsh(_inner(images))[::-1], 0.0))
    return values


def _gram(delta: Floats) -> Doubles:
    """float64 Gram matrix of the smaller side, without a float64 copy of the whole."""
    tall = delta if delta.shape[0] >= delta.shape[1] else delta.T
    total = np.zeros((tall.shape[1],) * 2)
    for start in range(0, len(tall), 4096):
        part = tall[start : start + 4096].astype(np.float64)
        total += part.T @ part
    return total


def _residual(energy: float, values: Doubles) -> float:
    return math.sqrt(max(energy - float(values @ values), 0.0) + FLOOR * energy)
