"""Singular values and vectors of dW: exactly, from factors, or by a randomised range finder."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatchanged.weights.adapter import Factors
from whatchanged.weights.dtypes import Floats
from whatchanged.weights.model import Spectrum
from whatchanged.weights.sketch import Sketch, rows_of

Doubles = NDArray[np.float64]

OVERSAMPLING = 8
# Passes over dW are what a spectrum costs: one for the sketch's directions, two for each step after that.
MAX_STEPS = 4
# Directions that are polished once the range holds all that sticks out.
POLISHED = 8
# Relative error of the largest value at which no more passes are made.
TOLERANCE = 1e-3
ENERGY = 0.9
# float32 sums: what is smaller than this share of |dW|_F^2 is not told from zero.
FLOOR = 1e-6
# Rows of dW that are multiplied at once: they fit a core's cache.
ROWS_AT_ONCE = 256


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


def triples(delta: Floats, rank: int, seed: int) -> Triples:
    """Of a matrix [m, n]: all singular triples if its smaller side is at most 256, else at least `rank`."""
    sketch = sketch_of(delta.shape, rank, seed)
    if sketch is None:
        left, values, right = np.linalg.svd(delta.astype(np.float64), full_matrices=False)
        return Triples(left, values, right, 0.0, True)
    energy = squared(delta)
    sketch.add(0, delta)
    found = factor_triples(leading_range(delta, sketch, energy))
    return Triples(found.left, found.values, found.right, residual(energy, float(found.values @ found.values)), False)


def sketch_of(shape: tuple[int, int], rank: int, seed: int, room: Floats | None = None) -> Sketch | None:
    """An empty sketch for a dW of this shape, in float32[sketch_rows, n]; None if its spectrum is exact without one."""
    return Sketch.of(shape, rank, seed, OVERSAMPLING, room)


def sketch_rows(shape: tuple[int, int], rank: int) -> int:
    """Rows of that sketch; 0 if there is none."""
    return rows_of(shape, rank + OVERSAMPLING)


def factor_triples(factors: Factors) -> Triples:
    """Exactly, of left @ right: the SVD of R1 R2' where left = Q1 R1 and right' = Q2 R2."""
    q1, r1 = np.linalg.qr(factors.left.astype(np.float64))
    q2, r2 = np.linalg.qr(factors.right.astype(np.float64).T)
    inner, values, outer = np.linalg.svd(r1 @ r2.T)
    count = len(values)
    return Triples(q1 @ inner[:, :count], values, outer[:count] @ q2.T, 0.0, True)


def summary(values: Doubles, energy: float, residual: float, exact: bool, shape: tuple[int, int], rounding: float,
            rank: int, pieces_edge: float = 0.0) -> Spectrum:  # fmt: skip
    """The record of a spectrum. `rounding` is the |error|_F^2 that storing the candidate must have made.

    `pieces_edge` is the largest edge ratio of pieces of rows: pieces of noise are noise, but what was found of them
    does not add up to the largest direction of the whole.
    """
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
        edge_ratio=max(top / edge, pieces_edge),
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


@dataclass(frozen=True)
class Look:
    """What a sketch alone says: orthonormal `directions` [n, p], the leading right ones.

    `wide`: more stand out than are kept. `coming`: what the largest value may lack, relative, for want of
    steps. `share`: of the energy, held by directions that stand out. `met`: 1/s, or 0 if no rows met in the sketch.
    """

    directions: Floats
    wide: bool
    coming: float
    share: float
    met: float

    def enough(self, values: Doubles, energy: float, shape: tuple[int, ...]) -> bool:
        """Whether rows whose images have these singular values need no more passes; `energy` is their |dW|_F^2."""
        held, top = float(values @ values), float(values[0])
        rest = max(energy - held, 0.0)
        if rest <= 10 * FLOOR * energy:
            return True
        # Rows that met in one row of the sketch tilt its directions, by sine^2 = |rest|^2 / (s value^2).
        tilt = rest * self.met / (2 * top**2) if top > 0 else 1.0
        clear = top >= 1.3 * edge_of(rest, shape) and not self.wide and tilt + self.coming <= TOLERANCE
        return clear and held >= (self.share - 0.1) * energy


def look(sketch: Sketch) -> Look:
    """The sketch's leading directions: one and a half steps of the power iteration from random ones."""
    image, width = sketch.image[: sketch.filled], sketch.width
    # Its rows, signs and all, are random already: their sums are a smaller sketch.
    start = np.zeros((width, image.shape[1]), np.float32)
    for first in range(0, len(image), width):
        rows = image[first : first + width]
        start[: len(rows)] += rows
    left = _orthonormal(image @ start.T, np.zeros((len(image), 0), np.float32))
    if not left.shape[1]:
        return blind(sketch)
    images = (left.T @ image).astype(np.float64)
    squares, turn = np.linalg.eigh(images @ images.T)
    values, turn = np.sqrt(np.maximum(squares[::-1], 0.0)), turn[:, ::-1]
    energy, top = squared(image), float(values[0])
    edge = edge_of(max(energy - float(values @ values), 0.0), image.shape)
    out = values > 1.3 * edge
    count = len(values) if out[sketch.rank :].any() else min(sketch.rank, len(values))
    count = min(count, int((values > 1e-4 * top).sum()))
    return Look(
        directions=(images.T @ (turn[:, :count] / values[:count])).astype(np.float32),
        wide=bool(out[sketch.rank - 1 :].any()),
        coming=(edge / top) ** 4,
        share=float((values[out] ** 2).sum()) / energy,
        met=sketch.met,
    )


def blind(sketch: Sketch) -> Look:
    """Random directions, where rows of dW cancel in the sketch: two rows that were swapped may."""
    random = np.random.default_rng(0).standard_normal((sketch.image.shape[1], sketch.width))
    directions = np.linalg.qr(random)[0].astype(np.float32)
    return Look(directions, wide=True, coming=math.inf, share=1.0, met=sketch.met)


def leading_range(delta: Floats, sketch: Sketch, energy: float) -> Factors:
    """left [m, p] @ right [p, n]: dW [m, n] projected on its leading directions, one factor orthonormal.

    `energy` is |dW|_F^2. The sketch's leading directions P are tried first: dW P, one pass (Halko, Martinsson and
    Tropp 2011, with P in place of a random matrix). That is all for a dW with few directions that stand out; others
    are iterated.
    """
    found = look(sketch)
    block = times(delta, found.directions)
    values = values_of(block.T)
    if found.enough(values, energy, delta.shape):
        return Factors(block, np.ascontiguousarray(found.directions.T))
    return iterated(delta, block, energy, float(values[0]), sketch.rank)


def iterated(delta: Floats, block: Floats, energy: float, top: float, rank: int) -> Factors:
    """basis [m, q] @ images [q, n]: dW [m, n] projected on a block Krylov space from `block` [m, p] on.

    Every power stays in it (Musco and Musco 2015), which costs no more passes and gives the largest values sooner.
    All directions are iterated while the range may be too narrow, then only the leading ones. It ends when the
    largest value, `top` before, no longer grows, or sticks out of nothing.
    """
    basis = np.zeros((delta.shape[0], 0), np.float32)
    images = np.zeros((0, delta.shape[1]), np.float32)
    for step in range(MAX_STEPS):
        fresh = _orthonormal(block, basis)
        if not fresh.shape[1]:
            break
        basis, images = np.hstack([basis, fresh]), np.vstack([images, fresh.T @ delta])
        squares, turn = np.linalg.eigh(inner(images))
        values = np.sqrt(np.maximum(squares[::-1], 0.0))
        rest = max(energy - float(values @ values), 0.0)
        edge = edge_of(rest, delta.shape)
        wide = values[min(rank, len(values) - 1)] > 1.3 * edge
        # What a step still adds falls by (what is left / the largest)^4, by its square for half a step. Noise has no
        # leading directions: more passes would polish values that tell nothing.
        coming = (float(values[0]) - top) * (edge / float(values[0])) ** (4 if step else 2)
        settled = not wide and (values[0] < 1.3 * edge or coming <= 3e-4 * values[0])
        if rest <= 10 * FLOOR * energy or settled or step + 1 == MAX_STEPS:
            break
        top = float(values[0])
        leading = turn[:, ::-1][:, : len(fresh.T) if wide else POLISHED].astype(np.float32)
        block = times(delta, images.T @ leading)
    return Factors(basis, images)


def edge_of(energy: float, shape: tuple[int, ...]) -> float:
    """Largest singular value of an [m, n] matrix of independent entries with this |.|_F^2."""
    return math.sqrt(energy / math.prod(shape)) * sum(map(math.sqrt, shape))


def times(delta: Floats, right: Floats) -> Floats:
    """dW @ right, [m, p], block by block: BLAS would copy a large dW into its own layout first."""
    right = np.ascontiguousarray(right)
    product = np.empty((len(delta), right.shape[1]), np.float32)
    for start in range(0, len(delta), ROWS_AT_ONCE):
        np.matmul(delta[start : start + ROWS_AT_ONCE], right, out=product[start : start + ROWS_AT_ONCE])
    return product


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


def inner(images: Floats) -> Doubles:
    """float64[p, p], images @ images' of a flat matrix [p, n]."""
    wide = images.astype(np.float64)
    product: Doubles = wide @ wide.T
    return product


def values_of(images: Floats) -> Doubles:
    """Singular values in falling order."""
    values: Doubles = np.sqrt(np.maximum(np.linalg.eigvalsh(inner(images))[::-1], 0.0))
    return values


def gram(tall: Floats) -> Doubles:
    """float64 Gram matrix [n, n] of a matrix [m, n], without a float64 copy of the whole."""
    total = np.zeros((tall.shape[1],) * 2)
    for start in range(0, len(tall), 4096):
        part = tall[start : start + 4096].astype(np.float64)
        total += part.T @ part
    return total


def residual(energy: float, held: float) -> float:
    """|dW - projected|_F where the projected holds `held` of |dW|_F^2."""
    return math.sqrt(max(energy - held, 0.0) + FLOOR * energy)
