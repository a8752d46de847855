"""`weight_diff`: every pair of tensors, two cores at work, never more in memory than the largest pair."""

import math
import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from itertools import groupby

from whatchanged.errors import CheckpointError, SpecError
from whatchanged.ledger import Progress
from whatchanged.weights.compare import Pair, Side, compare, difference, pair_up
from whatchanged.weights.dtypes import Floats
from whatchanged.weights.gguf import bits_per_weight
from whatchanged.weights.kind import Facts, kind_of
from whatchanged.weights.model import ModuleDiff, TensorDiff, WeightDiff
from whatchanged.weights.read import Checkpoint, is_gguf, open_checkpoint
from whatchanged.weights.room import Room
from whatchanged.weights.spectrum import Triples, factor_triples, triples

# A dW in float32 is as large as its pair in bfloat16; so two of the largest may be in work, and small ones beside.
AT_ONCE = 2
SPARE = 64 << 20


def weight_diff(
    base: str,
    candidate: str,
    *,
    toward: str | None = None,
    rank: int = 16,
    seed: int = 0,
    progress: Progress | None = None,
) -> WeightDiff:
    """Compare two checkpoints tensor by tensor and say what kind of intervention lies between them.

    base, candidate, toward: specs as for an audit, without run-time modifiers. `toward` is a third model that
    the candidate may be a merge with. `rank` is how many singular values are asked for; `seed` is the
    randomised range's. Raises SpecError, CheckpointError or MissingExtra.
    """
    if rank < 1:
        raise SpecError(f"rank={rank}: at least 1")
    began = time.perf_counter()
    specs = [base, candidate] if toward is None else [base, candidate, toward]
    opened = _open(specs)
    pairs = _pairs(opened)
    progress = progress or Progress()
    progress.stage("weights, bytes", sum(pair.nbytes for pair in pairs))
    tensors, nbytes = _compare_all(pairs, rank, seed, progress)
    facts = Facts(
        tensors=tensors,
        adapter=bool(opened[1].factors) and not opened[0].factors,
        stored_bits={t.name: bits for t in tensors if (bits := _bits(t)) is not None},
    )
    return WeightDiff(
        base=base,
        candidate=candidate,
        toward=toward,
        kind=kind_of(facts),
        tensors=tensors,
        modules=_modules(tensors),
        relative=_relative(tensors),
        rank=rank,
        seed=seed,
        bytes_read=nbytes + sum(c.adapter_bytes for c in opened),
        seconds=time.perf_counter() - began,
    )


def singular_triples(base: str, candidate: str, names: Sequence[str], *, rank: int = 16, seed: int = 0
                     ) -> Iterator[tuple[str, Triples]]:  # fmt: skip
    """Yield (name, read and write directions of its dW) for the matrices named, one in memory at a time.

    `left` are write directions (output side), `right` read directions (input side), at most `rank` of them
    guaranteed. Raises CheckpointError for a name that is no matrix of one shape in both.
    """
    opened = _open([base, candidate])
    for name in names:
        pair = pair_up(name, opened[0], opened[1], None)
        a, b = pair.base, pair.candidate
        if a is None or b is None or len(a.tensor.shape) != 2 or a.tensor.shape != b.tensor.shape:
            raise CheckpointError(f"tensor {name} is no matrix of one shape in both checkpoints: name another")
        if pair.from_factors:
            yield name, factor_triples(difference(a.factors, b.factors))
        else:
            yield name, triples(_whole(b) - _whole(a), rank, seed)


def _whole(side: Side) -> Floats:
    return side.values(next(side.tensor.raw_blocks(side.tensor.rows)), 0)


def _open(specs: Sequence[str]) -> list[Checkpoint]:
    # GGUF has names of its own, and some rows in another order: with anything else it goes through Transformers.
    native = all(is_gguf(spec) for spec in specs)
    return [open_checkpoint(spec, native=native) for spec in specs]


def _pairs(opened: Sequence[Checkpoint]) -> list[Pair]:
    """In the base's order, then what the candidate adds. A head counts where at least one of the two stores it."""
    names = [*opened[0].tensors, *(name for name in opened[1].tensors if name not in opened[0].tensors)]
    if not names:
        raise CheckpointError(f"'{opened[0].spec}' and '{opened[1].spec}' hold no tensors: give folders with weights")
    return [pair_up(name, opened[0], opened[1], opened[2] if len(opened) > 2 else None) for name in names]


def _compare_all(pairs: Sequence[Pair], rank: int, seed: int, progress: Progress) -> tuple[tuple[TensorDiff, ...], int]:
    largest = max(pair.held(rank) for pair in pairs)
    room = Room(4 * AT_ONCE * largest + SPARE)
    lock, read = threading.Lock(), 0

    def tick(nbytes: int) -> None:
        nonlocal read
        with lock:
            read += nbytes
            progress.advance(nbytes)

    def work(pair: Pair) -> TensorDiff:
        count = pair.held(rank)
        # Matrices of about one size take turns with the same buffers.
        with room.take(largest if 2 * count > largest else count) as buffer:
            return compare(pair, rank, seed, tick, buffer[:count])

    # The largest first, so that no core is left alone with it at the end.
    order = sorted(range(len(pairs)), key=lambda i: -pairs[i].nbytes)
    with one_blas_thread(), ThreadPoolExecutor(max_workers=max(os.cpu_count() or 1, 1)) as pool:
        futures = {i: pool.submit(work, pairs[i]) for i in order}
        try:
            return tuple(futures[i].result() for i in range(len(pairs))), read
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def one_blas_thread() -> AbstractContextManager[object]:
    """The cores are busy with a tensor each: threads of BLAS's own would only fight over them.

    Nothing happens without threadpoolctl, which scikit-learn brings.
    """
    try:
        limits = import_module("threadpoolctl").threadpool_limits
    except ImportError:
        return nullcontext()
    context: AbstractContextManager[object] = limits(1, user_api="blas")
    return context


def _bits(tensor: TensorDiff) -> float | None:
    """Bits a weight of a quantised candidate tensor whose base is not stored in that type."""
    dtype = tensor.candidate_dtype
    return None if dtype is None or dtype == tensor.base_dtype else bits_per_weight(dtype)


def _relative(tensors: Sequence[TensorDiff]) -> float | None:
    norm = math.sqrt(sum(t.norm**2 for t in tensors if t.norm is not None))
    return math.sqrt(sum(t.delta_norm**2 for t in tensors)) / norm if norm else None


def _modules(tensors: Sequence[TensorDiff]) -> tuple[ModuleDiff, ...]:
    def key(tensor: TensorDiff) -> tuple[int, str]:
        return (-1 if tensor.layer is None else tensor.layer, tensor.module)

    modules = [_module(list(group)) for _, group in groupby(sorted(tensors, key=key), key=key)]
    changed = [module for module in modules if module.delta_norm > 0]
    return tuple(sorted(changed, key=lambda m: -(m.relative if m.relative is not None else math.inf)))


def _module(tensors: Sequence[TensorDiff]) -> ModuleDiff:
    spectra = [t.spectrum for t in tensors if t.spectrum is not None]
    spectrum = spectra[0] if spectra else None
    sizes = [math.prod(t.base_shape or ()) for t in tensors]
    return ModuleDiff(
        layer=tensors[0].layer,
        module=tensors[0].module,
        relative=_relative(tensors),
        delta_norm=math.sqrt(sum(t.delta_norm**2 for t in tensors)),
        changed=sum(t.changed * size for t, size in zip(tensors, sizes, strict=True)) / max(sum(sizes), 1),
        stable_rank=spectrum.stable_rank if spectrum else None,
        energy_rank=spectrum.energy_rank if spectrum else None,
        rank=spectrum.rank if spectrum else None,
    )
