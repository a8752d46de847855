"""One stored tensor: listed from a header without being read, then streamed row block by row block."""

import json
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from whatchanged.errors import CheckpointError
from whatchanged.weights.dtypes import NUMPY, Bytes, Floats, known, widen

# A header larger than this is no header (safetensors' own limit).
MAX_HEADER = 100_000_000


@dataclass(frozen=True)
class Tensor:
    """Where a tensor lies. It is read as a matrix: rows = all dimensions but the last, a vector is one row."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: Path
    offset: int
    nbytes: int
    decode: Callable[[Bytes, str, Floats | None], Floats] = widen

    @property
    def columns(self) -> int:
        """Length of the last dimension."""
        return self.shape[-1] if self.shape else 1

    @property
    def rows(self) -> int:
        """How many rows of that length there are."""
        return math.prod(self.shape[:-1])

    def raw_blocks(self, rows: int) -> Iterator[Bytes]:
        """Yield uint8[n] of `rows` rows each, in order. The array is reused: it holds until the next one.

        Read, not mapped: pages of a mapped file would count as this process's memory until it ends.
        Raises CheckpointError when the file is shorter than its header says.
        """
        size = self.nbytes // max(self.rows, 1) * rows
        buffer = np.empty(min(size, self.nbytes), np.uint8)
        with self.file.open("rb", buffering=0) as stream:
            stream.seek(self.offset)
            for start in range(0, self.nbytes, size or 1):
                block = buffer[: min(size, self.nbytes - start)]
                self._fill(stream.readinto, block)
                yield block

    def _fill(self, read: Callable[[memoryview], int | None], block: Bytes) -> None:
        view, done = block.data, 0
        while done < len(view):
            got = read(view[done:])
            if not got:
                raise CheckpointError(f"'{self.file}' ends inside tensor {self.name}: download or save it again")
            done += got

    def values(self, raw: Bytes, room: Floats | None = None) -> Floats:
        """float32[rows, columns] of what `raw_blocks` gave; it may be a view of that, or lie in `room`."""
        return self.decode(raw, self.dtype, room).reshape(-1, self.columns)

    def read(self) -> Floats:
        """float32[shape], the whole tensor: for small ones, as an adapter's factors."""
        blocks = list(self.raw_blocks(max(self.rows, 1)))
        return self.values(blocks[0]).reshape(self.shape) if blocks else np.zeros(self.shape, np.float32)


def read_header(file: Path) -> list[Tensor]:
    """The tensors of a safetensors file. Raises CheckpointError for a file that is none, or a dtype not known."""
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > MAX_HEADER:
                raise ValueError(f"a header of {length} bytes")
            entries = json.loads(stream.read(length))
        size = file.stat().st_size
        entries.pop("__metadata__", None)
        return [_tensor(file, name, entry, 8 + length, size) for name, entry in entries.items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        detail = " ".join(str(error).split())[:120]
        raise CheckpointError(
            f"'{file}' is no readable safetensors file: download or save it again ({detail})"
        ) from None


def _tensor(file: Path, name: str, entry: dict[str, Any], begin: int, size: int) -> Tensor:
    dtype = known(str(entry["dtype"]), name, file)
    shape = tuple(int(side) for side in entry["shape"])
    start, end = (int(place) for place in entry["data_offsets"])
    if end - start != math.prod(shape) * np.dtype(NUMPY[dtype]).itemsize or not 0 <= start <= end <= size - begin:
        raise ValueError(f"tensor {name} does not fit the file")
    return Tensor(name, dtype, shape, file, begin + start, end - start)
