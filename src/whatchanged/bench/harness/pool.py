"""The pool in two: what audits see, and a fifth that no audit sees, on which findings are measured again."""

import json
from collections.abc import Sequence
from pathlib import Path

from whatchanged.errors import PoolError, RunDirectoryError
from whatchanged.ledger import write_atomic
from whatchanged.pools import load_pools, normalise
from whatchanged.records import Prompt
from whatchanged.subjects import stream_key

HELD_OUT = 5


def divide(specs: Sequence[str], file: Path) -> list[Prompt]:
    """Write the part for audits to `file`, as a JSONL pool; returns the other part, in a random order.

    A prompt's words alone decide its part. Raises PoolError where either part is empty, RunDirectoryError where the
    file holds another pool.
    """
    kept: list[Prompt] = []
    held_out: list[Prompt] = []
    for prompt in load_pools(specs):
        mine = stream_key("bench", normalise(prompt)) % HELD_OUT == 0
        (held_out if mine else kept).append(prompt)
    if not kept or not held_out:
        raise PoolError(f"pool {', '.join(specs)}: too small for a bench, which holds back one prompt in {HELD_OUT}")
    data = "".join(json.dumps(_row(p), ensure_ascii=False) + "\n" for p in kept).encode()
    if file.is_file() and file.read_bytes() != data:
        raise RunDirectoryError(f"'{file.parent}' holds a bench on another pool: choose another --out")
    try:
        write_atomic(file, data)
    except OSError as error:
        raise RunDirectoryError(f"cannot write '{file.parent}': {error.strerror}; choose another --out") from None
    return sorted(held_out, key=lambda p: stream_key("order", p.id))


def _row(prompt: Prompt) -> dict[str, object]:
    return {
        "messages": [m.model_dump() for m in prompt.messages],
        "tags": list(prompt.tags),
        "source": prompt.source,
    }
