"""An undo as a PEFT adapter folder. Imports torch: import it late."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from safetensors.torch import load_file, save_file
from transformers.pytorch_utils import Conv1D

from whatchanged.explain.change import Change
from whatchanged.explain.cut import Removal
from whatchanged.subjects.sources import recorded_base

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
_PREFIX = "base_model.model."


def is_adapter(change: Change) -> bool:
    """Whether the candidate is a LoRA kept apart from its base, so that its own factors can be edited."""
    return bool(change.deltas) and all(delta.factors is not None for delta in change.deltas.values())


def reaches(change: Change, name: str) -> bool:
    """Whether a LoRA can take back a part of this tensor: the weight of a linear layer other than the head."""
    module_name, _, leaf = name.rpartition(".")
    module = change.engine.model.get_submodule(module_name)
    return leaf == "weight" and isinstance(module, torch.nn.Linear | Conv1D) and module is not change.engine.unembedding


def write_copy(adapter: Path, base: str | None, out: Path, change: Change, removal: Removal) -> None:
    """The adapter again, without what the removal takes: tensors of the same names, shapes and dtypes.

    `base` is the spec given with +base, if any; else the adapter's own record of its base stands.
    """
    stored = load_file(adapter / WEIGHTS)
    for name in removal.names:
        a, b = _keys(name)
        stored[a], stored[b] = torch.zeros_like(stored[a]), torch.zeros_like(stored[b])
    for name, cut in removal.cuts.items():
        module: Any = change.candidate.engine.model.get_submodule(name.removesuffix(".weight"))
        left, right = cut.rest
        if module.fan_in_fan_out:
            left, right = right.T, left.T
        a, b = _keys(name)
        stored[a] = _fitted(right, stored[a])
        stored[b] = _fitted(left / module.scaling[change.candidate.adapter], stored[b])
    save_file(stored, out / WEIGHTS, metadata={"format": "pt"})
    config = json.loads((adapter / CONFIG).read_text())
    recorded = base or recorded_base(adapter) or ""
    config["base_model_name_or_path"] = os.path.abspath(recorded) if os.path.exists(recorded) else recorded
    (out / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True))


def write_lora(candidate: str, out: Path, change: Change, removal: Removal) -> None:
    """A LoRA on the candidate: dW = -left @ right of every cut, all of one rank, the smaller ones padded with zeros."""
    rank = max(cut.turn.shape[1] for cut in removal.cuts.values())
    stored, modules, transposed = {}, [], False
    for name, cut in removal.cuts.items():
        modules.append(name.removesuffix(".weight"))
        left, right = -cut.left, cut.right
        if isinstance(change.engine.model.get_submodule(modules[-1]), Conv1D):
            left, right, transposed = right.T, left.T, True
        a, b = _keys(name)
        stored[a] = _fitted(right, torch.empty(rank, right.shape[1]))
        stored[b] = _fitted(left, torch.empty(left.shape[0], rank))
    save_file(stored, out / WEIGHTS, metadata={"format": "pt"})
    LoraConfig(
        r=rank,
        lora_alpha=rank,
        target_modules=modules,
        fan_in_fan_out=transposed,
        task_type="CAUSAL_LM",
        base_model_name_or_path=candidate,
        inference_mode=True,
    ).save_pretrained(str(out))


def _keys(name: str) -> tuple[str, str]:
    """Names of A and B in PEFT's file, of a weight's LoRA."""
    module = _PREFIX + name.removesuffix(".weight")
    return f"{module}.lora_A.weight", f"{module}.lora_B.weight"


def _fitted(factor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The factor in the shape and dtype of `like`, its missing rank zero."""
    out = torch.zeros_like(like)
    out[: factor.shape[0], : factor.shape[1]] = factor.to(like.dtype)
    return out
