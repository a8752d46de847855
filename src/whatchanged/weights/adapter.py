"""PEFT's LoRA folders as factors: dW = scale x B A (Hu et al. 2021), never merged."""

import json
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from whatchanged.errors import CheckpointError
from whatchanged.weights.dtypes import Floats
from whatchanged.weights.names import same_head
from whatchanged.weights.stored import Tensor, read_header

_PREFIX = "base_model.model."
_FACTOR = re.compile(r"(?P<module>.+)\.lora_(?:embedding_)?(?P<side>[AB])(?:\.default)?(?:\.weight)?$")


@dataclass(frozen=True)
class Factors:
    """dW = left @ right, left float32[rows, r] with the scale in it, right float32[r, columns]."""

    left: Floats
    right: Floats

    def rows(self, start: int, stop: int) -> Floats:
        """float32[stop - start, columns] of dW."""
        return self.left[start:stop] @ self.right


@dataclass(frozen=True)
class Adapter:
    """`factors` by the base tensor's name; `replaced`: whole tensors trained beside them (heads, biases)."""

    factors: dict[str, Factors]
    replaced: dict[str, Tensor]
    nbytes: int


def read_adapter(folder: Path, base: dict[str, Tensor]) -> Adapter:
    """The factors of a PEFT folder.

    Raises CheckpointError for kinds other than plain LoRA, and for tensors that have no place in the base.
    """
    config = _config(folder)
    halves: dict[str, dict[str, Tensor]] = {}
    replaced: dict[str, Tensor] = {}
    stored = read_header(folder / "adapter_model.safetensors")
    for tensor in stored:
        name = tensor.name.removeprefix(_PREFIX)
        if match := _FACTOR.fullmatch(name):
            halves.setdefault(match["module"], {})[match["side"]] = tensor
        else:
            target = _in_base(folder, name.replace(".base_layer.", "."), base)
            replaced[target] = replace(tensor, name=target)
    factors = {}
    for module, sides in halves.items():
        if set(sides) != {"A", "B"}:
            raise CheckpointError(f"adapter '{folder}' holds only half of {module}: save it again")
        target = _in_base(folder, f"{module}.weight", base)
        factors[target] = _factors(folder, config, module, sides, base[target])
    return Adapter(factors, replaced, sum(t.nbytes for t in stored))


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = dict(json.loads((folder / "adapter_config.json").read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"'{folder}/adapter_config.json' cannot be read: save the adapter again ({error})"
        ) from None
    if config.get("peft_type", "LORA") != "LORA" or config.get("use_dora"):
        kind = "DoRA" if config.get("use_dora") else config["peft_type"]
        raise CheckpointError(f"adapter '{folder}' is of the kind {kind}: merge it into its base and give that")
    return config


def _in_base(folder: Path, name: str, base: dict[str, Tensor]) -> str:
    stored = name if name in base else same_head(name, base)
    if stored is None:
        raise CheckpointError(
            f"adapter '{folder}' does not fit its base: give the one it was made for with +base=SPEC "
            f"({name} has no counterpart)"
        )
    return stored


def _factors(folder: Path, config: dict[str, Any], module: str, sides: dict[str, Tensor], base: Tensor) -> Factors:
    a, b = sides["A"].read(), sides["B"].read()
    left, right = b.reshape(len(b), -1), a.reshape(len(a), -1)
    if "lora_embedding_" in sides["A"].name or config.get("fan_in_fan_out"):
        left, right = right.T, left.T
    left = left * np.float32(_scale(config, module, left.shape[1]))
    if left.shape[1] != right.shape[0] or (left.shape[0], right.shape[1]) != (base.rows, base.columns):
        raise CheckpointError(
            f"adapter '{folder}' does not fit its base: give the one it was made for with +base=SPEC "
            f"(the shapes of {module} differ)"
        )
    return Factors(left, np.ascontiguousarray(right))


def _scale(config: dict[str, Any], module: str, rank: int) -> float:
    """lora_alpha / r, or lora_alpha / sqrt(r) with use_rslora (Kalajdzievski 2023); alpha may vary by module."""
    alpha = float(config.get("lora_alpha", 8))
    for pattern, value in (config.get("alpha_pattern") or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            alpha = float(value)
            break
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
