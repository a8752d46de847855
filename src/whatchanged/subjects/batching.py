"""Which contexts go through a model together, and what happens when they do not fit."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from whatchanged.subjects.base import Context, Subject

T = TypeVar("T")
R = TypeVar("R")

# A batch of about this many tokens keeps the matrix products at full rate; more only costs memory.
BATCH_TOKENS = 2048


def plan(lengths: Sequence[int], groups: Sequence[bool] | None = None, budget: int = BATCH_TOKENS) -> list[list[int]]:
    """Indices batched by length so that padded tokens stay within `budget`, longest first.

    Longest first, because a batch that does not fit memory should fail at once. `groups` keeps contexts
    that share the template's prefix apart from those that do not. Deterministic.
    """
    flags = groups or [False] * len(lengths)
    order = sorted(range(len(lengths)), key=lambda i: (flags[i], -lengths[i], i))
    batches: list[list[int]] = []
    for i in order:
        current = batches[-1] if batches else None
        if (
            current is not None
            and flags[current[0]] == flags[i]
            and (len(current) + 1) * max(lengths[current[0]], 1) <= budget
        ):
            current.append(i)
        else:
            batches.append([i])
    return batches


def pair_batches(base: Subject, candidate: Subject, contexts: Sequence[tuple[Context, Context]]) -> list[list[int]]:
    """Batches of indices that both subjects can score, planned by the longer context of each pair."""
    lengths = [max(a.length, b.length) for a, b in contexts]
    apart = [not (base.common_prefix([a.prompt]) and candidate.common_prefix([b.prompt])) for a, b in contexts]
    return plan(lengths, apart)


def halving(run: Callable[[Sequence[T]], list[R]], items: Sequence[T]) -> list[R]:
    """Run on all items; when memory runs out, on each half. Raises the error when a single item does not fit."""
    try:
        return run(items)
    except (MemoryError, RuntimeError) as error:
        if len(items) < 2 or not out_of_memory(error):
            raise
    middle = len(items) // 2
    return halving(run, items[:middle]) + halving(run, items[middle:])


def out_of_memory(error: BaseException) -> bool:
    """Whether the error says that memory ran out, on a CPU or an accelerator."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text
