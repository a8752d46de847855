"""Made checkpoints: safetensors folders of a Llama's shapes, written byte by byte, and what can be done to them."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

Tensors = dict[str, np.ndarray]
BITS = {"BF16": "<u2", "F16": "<f2", "F32": "<f4"}
EMBEDDING = "model.embed_tokens.weight"


def rounded(values: np.ndarray, dtype: str) -> np.ndarray:
    """float32 values as `dtype` holds them; bfloat16 by definition: the nearer of two neighbours, ties to even."""
    values = np.ascontiguousarray(values, np.float32)
    if dtype == "F32":
        return values
    if dtype == "F16":
        with np.errstate(over="ignore"):
            return values.astype(np.float16).astype(np.float32)
    low = (values.view(np.uint32) & 0xFFFF0000).view(np.float32)
    high = ((values.view(np.uint32) & 0xFFFF0000) + 0x10000).view(np.float32)
    below, above = np.abs(values.astype(float) - low), np.abs(high - values.astype(float))
    odd = (low.view(np.uint32) >> 16) & 1 == 1
    return np.where((above < below) | ((above == below) & odd), high, low).astype(np.float32)


def write(file: Path, tensors: Tensors, dtype: str = "F32") -> Path:
    """A safetensors file, by the format's own description."""
    header, blobs, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name, values in tensors.items():
        held = rounded(values, dtype)
        blob = (
            (held.view("<u4") >> 16).astype("<u2").tobytes() if dtype == "BF16" else held.astype(BITS[dtype]).tobytes()
        )
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    head = json.dumps(header).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(struct.pack("<Q", len(head)) + head + b"".join(blobs))
    return file


def save(folder: Path, tensors: Tensors, dtype: str = "F32") -> Path:
    """A folder with one safetensors file and a config."""
    write(folder / "model.safetensors", tensors, dtype)
    (folder / "config.json").write_text("{}")
    return folder


def adapter(folder: Path, base: Path, factors: dict[str, tuple[np.ndarray, np.ndarray]], **config: object) -> Path:
    """A PEFT folder: `factors` are (B [out, r], A [r, in]) by module."""
    tensors = {}
    for module, (b, a) in factors.items():
        tensors |= {f"base_model.model.{module}.lora_A.weight": a, f"base_model.model.{module}.lora_B.weight": b}
    write(folder / "adapter_model.safetensors", tensors)
    settings = {"peft_type": "LORA", "lora_alpha": 16, "base_model_name_or_path": str(base)}
    (folder / "adapter_config.json").write_text(json.dumps(settings | config))
    return folder


def llama(rng: np.random.Generator, layers: int, width: int, inner: int, vocabulary: int = 300) -> Tensors:
    """Weights with the scales of a real model: rows of unlike size, tails heavier than Gaussian, norms near 1."""

    def matrix(rows: int, columns: int) -> np.ndarray:
        rows_scale = np.exp(0.3 * rng.standard_normal((rows, 1)))
        return (rng.standard_t(6, (rows, columns)) * rows_scale * 0.03).astype(np.float32)

    tensors = {EMBEDDING: matrix(vocabulary, width)}
    for i in range(layers):
        part = f"model.layers.{i}."
        for name in ("q", "k", "v", "o"):
            tensors[f"{part}self_attn.{name}_proj.weight"] = matrix(width // 2 if name in "kv" else width, width)
        tensors[f"{part}self_attn.o_proj.weight"] = matrix(width, width)
        tensors[f"{part}mlp.gate_proj.weight"] = matrix(inner, width)
        tensors[f"{part}mlp.up_proj.weight"] = matrix(inner, width)
        tensors[f"{part}mlp.down_proj.weight"] = matrix(width, inner)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{part}{name}.weight"] = (1 + 0.1 * rng.standard_normal(width)).astype(np.float32)
    return tensors | {"model.norm.weight": (1 + 0.1 * rng.standard_normal(width)).astype(np.float32)}


def matrices(tensors: Tensors) -> list[str]:
    """The layers' matrices."""
    return [name for name, values in tensors.items() if values.ndim == 2 and "layers" in name]


def mapped(tensors: Tensors, change: Callable[[np.ndarray], np.ndarray], names: list[str] | None = None) -> Tensors:
    """A copy with the named tensors (default: the layers' matrices) changed."""
    chosen = matrices(tensors) if names is None else names
    return {name: change(values).astype(np.float32) if name in chosen else values for name, values in tensors.items()}


def rms(values: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt((values.astype(float) ** 2).mean()))


def low_rank(rng: np.random.Generator, values: np.ndarray, rank: int, relative: float) -> np.ndarray:
    """A random dW of this rank and this size relative to the values."""
    delta = rng.standard_normal((values.shape[0], rank)) @ rng.standard_normal((rank, values.shape[1]))
    return delta * relative * rms(values) / rms(delta)


def tuned(rng: np.random.Generator, values: np.ndarray, relative: float) -> np.ndarray:
    """A dW as training leaves it: full rank, singular values falling as a power."""
    if values.ndim == 1:
        return relative * rms(values) * rng.standard_normal(values.shape)
    side = min(values.shape)
    left, right = (rng.standard_normal((length, side), np.float32) for length in values.shape)
    delta = (left * np.arange(1, side + 1, dtype=np.float32) ** -0.7) @ right.T
    return delta * relative * rms(values) / rms(delta)


def quantised(values: np.ndarray, bits: int, group: int | None, ranged: bool = False) -> np.ndarray:
    """Rounded to a grid, a row or a group of columns at a time: around zero, or over the range from the minimum."""
    groups = values.reshape(values.shape[0], -1, group or values.shape[1]).astype(float)
    if ranged:
        low = groups.min(-1, keepdims=True)
        step = (groups.max(-1, keepdims=True) - low) / (2**bits - 1)
        return (np.rint((groups - low) / step) * step + low).reshape(values.shape)
    step = np.abs(groups).max(-1, keepdims=True) / (2 ** (bits - 1) - 1)
    return (np.rint(groups / step) * step).reshape(values.shape)


def pruned(values: np.ndarray, share: float) -> np.ndarray:
    """The smallest entries of the whole matrix set to zero."""
    return np.where(np.abs(values) <= np.quantile(np.abs(values), share), 0, values)


def two_of_four(values: np.ndarray) -> np.ndarray:
    """The two smallest of every four set to zero."""
    groups = values.reshape(-1, 4)
    order = np.argsort(np.argsort(np.abs(groups), 1), 1)
    return np.where(order < 2, 0, groups).reshape(values.shape)
