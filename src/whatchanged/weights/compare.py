"""One pair of tensors: a single pass over both files, then the spectrum of their difference."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from whatchanged.errors import CheckpointError
from whatchanged.weights.adapter import Factors
from whatchanged.weights.dtypes import Bytes, Floats
from whatchanged.weights.model import Spectrum, TensorDiff
from whatchanged.weights.names import layer_of, module_of
from whatchanged.weights.pieces import Pieces, block_rows, entries_held
from whatchanged.weights.read import Checkpoint
from whatchanged.weights.spectrum import factor_triples, squared, summary
from whatchanged.weights.stored import Tensor
from whatchanged.weights.sums import Sums

Tick = Callable[[int], None]


@dataclass(frozen=True)
class Side:
    """A stored tensor and what an adapter adds to it."""

    tensor: Tensor
    factors: Factors | None = None

    def values(self, raw: Bytes, start: int, room: Floats | None = None) -> Floats:
        """float32[rows, columns] of a block read from row `start` on, the adapter's part added; `room` may be used."""
        stored = self.tensor.values(raw, room)
        return stored if self.factors is None else stored + self.factors.rows(start, start + len(stored))


@dataclass(frozen=True)
class Pair:
    """The same tensor in base, candidate and (to look for a merge) a third model."""

    name: str
    base: Side | None
    candidate: Side | None
    third: Side | None = None
    tied_base: bool = False
    tied_candidate: bool = False

    @property
    def nbytes(self) -> int:
        """What comparing them reads, bytes."""
        if self.untouched:
            return 0
        if self.from_factors and self.base is not None:
            return self.base.tensor.nbytes
        sides = [side.tensor for side in (self.base, self.candidate, self.third) if side is not None]
        return sum(tensor.nbytes for tensor in sides) if self.common_rows else 0

    @cached_property
    def one_place(self) -> bool:
        """Whether both are the same bytes of the same file: an adapter and its own base."""
        if self.base is None or self.candidate is None:
            return False
        a, b = self.base.tensor, self.candidate.tensor
        return a.offset == b.offset and a.nbytes == b.nbytes and a.file.resolve() == b.file.resolve()

    @property
    def untouched(self) -> bool:
        """Nothing to read: one place, and no adapter on it."""
        return (
            self.one_place
            and self.base is not None
            and self.candidate is not None
            and not (self.base.factors or self.candidate.factors)
        )

    @property
    def from_factors(self) -> bool:
        """The difference is the adapters' alone."""
        return self.one_place and not self.untouched and self.third is None

    @property
    def common_rows(self) -> int:
        """Rows that both have; 0 where the shapes have nothing in common."""
        if self.base is None or self.candidate is None:
            return 0
        a, b = self.base.tensor, self.candidate.tensor
        if a.shape == b.shape:
            return a.rows
        alike = len(a.shape) == len(b.shape) == 2 and a.columns == b.columns
        return min(a.rows, b.rows) if alike else 0

    def held(self, rank: int) -> int:
        """float32 numbers that the spectrum of a matrix that is read needs at once."""
        if self.base is None or self.untouched or self.from_factors or len(self.base.tensor.shape) != 2:
            return 0
        return entries_held(self.common_rows, self.base.tensor.columns, rank)


def pair_up(name: str, base: Checkpoint, candidate: Checkpoint, third: Checkpoint | None) -> Pair:
    """The tensors that serve as `name` in each."""
    found = [(None, False) if c is None else c.find(name) for c in (base, candidate, third)]
    sides = [
        None if tensor is None or c is None else Side(tensor, c.factors.get(tensor.name))
        for (tensor, _), c in zip(found, (base, candidate, third), strict=True)
    ]
    fits = sides[0] and sides[2] and sides[0].tensor.shape == sides[2].tensor.shape
    return Pair(name, sides[0], sides[1], sides[2] if fits else None, found[0][1], found[1][1])


def compare(pair: Pair, rank: int, seed: int, tick: Tick, room: Floats) -> TensorDiff:
    """Read the pair once and say how they differ; `tick` is told the bytes as they are read.

    `room` is float32[pair.held(rank)] for its spectrum.

    Raises CheckpointError for NaN or infinity, or a file that ends early.
    """
    known = _known(pair)
    if pair.base is None or pair.candidate is None:
        return known.model_copy(update={"status": "added" if pair.base is None else "absent"})
    if pair.untouched:
        return known
    if pair.from_factors:
        return known.model_copy(update=_factor_diff(pair, pair.base, pair.candidate, rank, tick))
    if not pair.common_rows:
        return known.model_copy(update={"status": "resized"})
    return known.model_copy(update=_read_diff(pair, pair.base, pair.candidate, rank, seed, tick, room))


def _known(pair: Pair) -> TensorDiff:
    base, candidate = (side.tensor if side else None for side in (pair.base, pair.candidate))
    return TensorDiff(
        name=pair.name,
        layer=layer_of(pair.name),
        module=module_of(pair.name),
        status="identical",
        tied="base" if pair.tied_base else "candidate" if pair.tied_candidate else None,
        base_dtype=base.dtype if base else None,
        candidate_dtype=candidate.dtype if candidate else None,
        base_shape=base.shape if base else None,
        candidate_shape=candidate.shape if candidate else None,
        cosine=1.0 if pair.untouched else None,
    )


def _read_diff(
    pair: Pair, base: Side, candidate: Side, rank: int, seed: int, tick: Tick, room: Floats
) -> dict[str, object]:
    rows, columns = pair.common_rows, base.tensor.columns
    sums = Sums(rows, columns, candidate.tensor.dtype)
    same_type = base.tensor.dtype == candidate.tensor.dtype
    plain = same_type and not (base.factors or candidate.factors)
    pieces: Pieces | None = None
    identical = same_type
    # One block of each, used again and again: it stays in a core's cache.
    of_w, of_c, of_d = (np.empty((min(rows, block_rows(columns)), columns), np.float32) for _ in range(3))
    for start, raw_w, raw_c, raw_t in _blocks(pair, base, candidate, block_rows(columns), tick):
        w = base.values(raw_w, start, of_w)
        equal = plain and _equal(raw_w, raw_c)
        if equal and pair.third is None:
            sums.same(start, w)
            if pieces is not None:
                zeros = pieces.place(start, len(w))
                zeros[:] = 0
                pieces.add(start, len(w), 0.0)
            continue
        if len(room) and pieces is None:
            # Only now: equal tensors cost no memory.
            pieces = Pieces((rows, columns), start, rank, seed, room)
        c = candidate.values(raw_c, start, of_c)
        d = np.subtract(c, w, out=of_d[: len(w)] if pieces is None else pieces.place(start, len(w)))
        third = pair.third
        t = None if third is None or raw_t is None else third.values(raw_t, start) - w
        dd = sums.add(start, w, c, d, t)
        identical = identical and equal
        if not math.isfinite(dd):
            break
        if pieces is not None:
            pieces.add(start, len(d), dd)
    if not (math.isfinite(sums.ww) and math.isfinite(sums.dd)):
        raise CheckpointError(f"tensor {pair.name} holds NaN or infinity: save the checkpoint again")
    result: dict[str, object] = {
        "status": "resized" if base.tensor.shape != candidate.tensor.shape else "identical" if identical else "changed",
        "norm": math.sqrt(sums.ww),
        "delta_norm": math.sqrt(sums.dd),
        "cosine": 1.0 if identical else sums.cosine,
        "changed": sums.changed / max(sums.count, 1),
    }
    if identical or not sums.samples:
        return result
    result["traits"] = sums.traits()
    if pieces is not None and sums.dd and min(rows, columns) > 1:
        result["spectrum"] = _spectrum(pieces, sums, rank)
    return result


def _spectrum(pieces: Pieces, sums: Sums, rank: int) -> Spectrum:
    values, residual, exact = pieces.values(sums.dd)
    shape = sums.rows, sums.columns
    return summary(values, sums.dd, residual, exact, shape, sums.rounding, rank, pieces.edge_ratio)


def _factor_diff(pair: Pair, base: Side, candidate: Side, rank: int, tick: Tick) -> dict[str, object]:
    """From the factors; the stored weight is read for its norm and its angle to dW."""
    factors = difference(base.factors, candidate.factors)
    rows, columns = base.tensor.rows, base.tensor.columns
    step, start, ww, wd, changed = block_rows(columns), 0, 0.0, 0.0, 0
    for raw in base.tensor.raw_blocks(step):
        w = base.values(raw, start)
        d = factors.rows(start, start + len(w))
        ww, wd = ww + squared(w), wd + float(np.dot(w.reshape(-1), d.reshape(-1)))
        changed += int(np.count_nonzero(d))
        start += len(w)
        tick(len(raw))
    values = factor_triples(factors).values
    dd = float(values @ values)
    if not (math.isfinite(ww) and math.isfinite(dd)):
        raise CheckpointError(f"tensor {pair.name} holds NaN or infinity: save the checkpoint again")
    sums = Sums(rows, columns, "", ww=ww, wd=wd, dd=dd)
    return {
        "status": "changed" if changed else "identical",
        "norm": math.sqrt(ww),
        "delta_norm": math.sqrt(dd),
        "cosine": sums.cosine,
        "changed": changed / sums.count,
        "spectrum": summary(values, dd, 0.0, True, (rows, columns), 0.0, rank) if dd else None,
    }


def difference(base: Factors | None, candidate: Factors | None) -> Factors:
    """candidate - base as one pair of factors, the ranks added. At least one is given."""
    parts = [(f.left * np.float32(sign), f.right) for f, sign in ((candidate, 1), (base, -1)) if f is not None]
    return Factors(np.hstack([left for left, _ in parts]), np.vstack([right for _, right in parts]))


def _blocks(
    pair: Pair, base: Side, candidate: Side, rows: int, tick: Tick
) -> Iterator[tuple[int, Bytes, Bytes, Bytes | None]]:
    """(first row, base, candidate, third), cut to the rows that base and candidate share."""
    start, common = 0, pair.common_rows
    thirds = pair.third.tensor.raw_blocks(rows) if pair.third else None
    row_bytes = [side.tensor.nbytes // max(side.tensor.rows, 1) for side in (base, candidate, pair.third or base)]
    for raw_w, raw_c in zip(base.tensor.raw_blocks(rows), candidate.tensor.raw_blocks(rows), strict=False):
        raw_t = next(thirds) if thirds else None
        count = min(rows, common - start)
        tick(len(raw_w) + len(raw_c) + (0 if raw_t is None else len(raw_t)))
        w, c = raw_w[: count * row_bytes[0]], raw_c[: count * row_bytes[1]]
        yield start, w, c, None if raw_t is None else raw_t[: count * row_bytes[2]]
        start += count
        if start >= common:
            return


def _equal(a: Bytes, b: Bytes) -> bool:
    wide = len(a) // 8 * 8
    # Tensors that differ mostly differ at once.
    return (
        a[:64].tobytes() == b[:64].tobytes()
        and np.array_equal(a[:wide].view("<u8"), b[:wide].view("<u8"))
        and np.array_equal(a[wide:], b[wide:])
    )
