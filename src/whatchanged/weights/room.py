"""Memory for differences: a few buffers, used again and again, since fresh pages cost more than the sums on them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from whatchanged.weights.dtypes import Floats


class Room:
    """Hands out float32 buffers that together stay below `limit` bytes; who asks for more waits."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._idle: list[Floats] = []
        self._changed = threading.Condition()

    @contextmanager
    def take(self, count: int) -> Iterator[Floats]:
        """Yield float32[count], values undefined. `count` may not need more than the limit."""
        with self._changed:
            while (buffer := self._find(count)) is None:
                self._changed.wait()
        try:
            yield buffer[:count]
        finally:
            with self._changed:
                self._idle.append(buffer)
                self._changed.notify_all()

    def _find(self, count: int) -> Floats | None:
        for i, buffer in enumerate(self._idle):
            # A small matrix must not sit on the memory of a large one.
            if count <= len(buffer) <= 4 * count:
                return self._idle.pop(i)
        while self._idle and self._free < 4 * count:
            self._free += self._idle.pop().nbytes
        if self._free < 4 * count:
            return None
        self._free -= 4 * count
        return np.empty(count, np.float32)
