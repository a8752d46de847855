"""GGUF files as they are: quantised tensors are widened block by block, nothing is converted on disk."""

from pathlib import Path
from typing import Any

import numpy as np

from whatchanged.errors import CheckpointError, MissingExtra, SpecError
from whatchanged.weights.dtypes import NUMPY, Bytes, Floats
from whatchanged.weights.stored import Tensor


def read_gguf(file: Path) -> list[Tensor]:
    """The tensors of a GGUF file, under GGUF's names and dtypes ('Q4_0').

    Raises SpecError for a missing file, CheckpointError for one that cannot be read, MissingExtra without gguf.
    """
    if not file.is_file():
        raise SpecError(f"no GGUF file at '{file}': give an existing file")
    try:
        from gguf import GGUFReader
    except ImportError:
        raise MissingExtra("gguf", "hf") from None
    try:
        return [_tensor(file, entry) for entry in GGUFReader(file).tensors]
    except (OSError, ValueError, KeyError, IndexError) as error:
        detail = " ".join(str(error).split())[:120]
        raise CheckpointError(f"GGUF file '{file}' cannot be read, download or convert it again ({detail})") from None


def bits_per_weight(dtype: str) -> float | None:
    """Of a quantised GGUF dtype, scales included (Q4_0: 4.5); None for any other."""
    if dtype in NUMPY:
        return None
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    weights, size = GGML_QUANT_SIZES[GGMLQuantizationType[dtype]]
    return float(8 * size / weights)


def _tensor(file: Path, entry: Any) -> Tensor:
    # GGUF writes the innermost dimension first.
    shape = tuple(int(side) for side in reversed(entry.shape.tolist()))
    dtype = str(entry.tensor_type.name)
    decode = {} if dtype in NUMPY else {"decode": dequantise}
    return Tensor(entry.name, dtype, shape, file, int(entry.data_offset), int(entry.n_bytes), **decode)


def dequantise(raw: Bytes, dtype: str, room: Floats | None = None) -> Floats:
    """float32[n] of whole quantised blocks, in memory of its own.

    Raises CheckpointError for a dtype that gguf cannot widen.
    """
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize

    try:
        return np.asarray(dequantize(raw, GGMLQuantizationType[dtype]), np.float32)
    except NotImplementedError:
        raise CheckpointError(f"GGUF tensors of type {dtype} cannot be widened: convert the file to F16") from None
