"""Stored number formats: widening to float32, rounding to a narrower one, the error that rounding makes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatchanged.errors import CheckpointError

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

# safetensors' names. numpy has no bfloat16: its 16 bits are read as integers.
NUMPY: dict[str, str] = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1", "BOOL": "<u1",
}  # fmt: skip
# Bits after the leading one.
MANTISSA = {"F64": 52, "F32": 23, "F16": 10, "BF16": 7}


def known(dtype: str, name: str, file: object) -> str:
    """The dtype. Raises CheckpointError naming one that cannot be read, as the float8 ones."""
    if dtype not in NUMPY:
        raise CheckpointError(
            f"'{file}': tensor {name} is stored as {dtype}, which cannot be read: save it as bfloat16 or float32"
        )
    return dtype


def widen(raw: Bytes, dtype: str, room: Floats | None = None) -> Floats:
    """float32[n] of stored bytes: a view of them where they are float32 already, else written to `room`, if given."""
    numbers: NDArray[Any] = raw.view(NUMPY[dtype])
    if dtype == "F32":
        return numbers
    wide: Floats = np.empty(len(numbers), np.float32) if room is None else room.reshape(-1)[: len(numbers)]
    if dtype != "BF16":
        np.copyto(wide, numbers, casting="unsafe")
        return wide
    # A bfloat16 is the upper half of a float32.
    bits = wide.view("<u4")
    np.copyto(bits, numbers)
    np.left_shift(bits, 16, out=bits)
    return wide


def to_bfloat16(values: Floats) -> Floats:
    """Round to the nearest bfloat16, ties to even; still float32."""
    bits = np.ascontiguousarray(values).view("<u4")
    rounded: Floats = ((bits + (0x7FFF + ((bits >> 16) & 1))) & 0xFFFF0000).astype("<u4").view("<f4")
    return rounded


def to_float16(values: Floats) -> Floats:
    """Round to the nearest float16, infinity beyond 65,504; still float32."""
    with np.errstate(over="ignore"):
        return values.astype(np.float16).astype(np.float32)


ROUNDING: dict[str, Callable[[Floats], Floats]] = {"BF16": to_bfloat16, "F16": to_float16}


def rounding_variance(values: Floats, dtype: str) -> float:
    """Mean squared error of having rounded to `dtype`: ulp^2 / 12, the variance of a uniform error of one ulp."""
    if dtype not in MANTISSA or not values.size:
        return 0.0
    _, exponent = np.frexp(values[values != 0])
    ulp = np.ldexp(1.0, exponent - 1 - MANTISSA[dtype])
    return float((ulp**2).sum() / 12 / values.size)
