"""What a subject's weights are, without the machinery of adapters. Imports torch: import it late."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from peft.tuners.tuners_utils import BaseTunerLayer

from whatchanged.subjects.transformers import TransformersSubject

Tensors = Mapping[str, torch.Tensor]


def plain_copy(subject: TransformersSubject) -> Any:
    """A float32 copy of the subject's model, its adapter merged in float32, other adapters left out."""
    model = copy.deepcopy(subject.engine.model).float()
    # An adapter that cannot be switched off has an engine of its own and is the active one there.
    merge = subject.adapter is not None or subject.engine.peft is None
    names = [subject.adapter] if subject.adapter is not None else None
    embedding, done = model.get_input_embeddings(), ""
    for name, module in list(model.named_modules()):
        if done and name.startswith(f"{done}."):
            continue
        if isinstance(module, BaseTunerLayer):
            inner = module.get_base_layer()
            if merge:
                if inner.weight is embedding.weight and module is not embedding:
                    # Tied, but the change is the head's alone.
                    inner.weight = torch.nn.Parameter(inner.weight.detach().clone())
                module.merge(adapter_names=names)
        elif _is_wrapper(module):
            inner = module.unload_and_optionally_merge_module(merge=merge, safe_merge=False, adapter_names=names)
        else:
            continue
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, inner)
        done = name
    return model


def untie(model: Any) -> None:
    """Give the head a weight of its own."""
    head = model.get_output_embeddings()
    if head.weight is model.get_input_embeddings().weight:
        head.weight = torch.nn.Parameter(head.weight.detach().clone())


def is_tied(subject: TransformersSubject) -> bool:
    """Whether head and embedding are one parameter, and no adapter changes one without the other."""
    model = subject.engine.model
    head = model.get_output_embeddings()
    if isinstance(head, BaseTunerLayer) or _is_wrapper(head) or _is_wrapper(model.get_input_embeddings()):
        return False
    return head.weight is model.get_input_embeddings().weight


def live_tensors(subject: TransformersSubject) -> Tensors:
    """Every name to its tensor, tied ones under both names: the live ones, or of a merged copy. Never to be written."""
    model = subject.engine.model
    wrapped = any(isinstance(m, BaseTunerLayer) or _is_wrapper(m) for m in model.modules())
    if wrapped and (subject.adapter is not None or subject.engine.peft is None):
        model = plain_copy(subject)
    named = model.named_parameters(remove_duplicate=False)
    return {name.replace(".base_layer.", "."): tensor.detach() for name, tensor in named}


def lora_factors(subject: TransformersSubject) -> dict[str, tuple[torch.Tensor, torch.Tensor]] | None:
    """Tensor name to (left [m, r] with the scale in it, right [r, n]), float32, dW = left @ right.

    None for an adapter that is not made of plain LoRA layers alone (Hu et al. 2021).
    """
    found = {}
    for name, module in subject.engine.model.named_modules():
        if not isinstance(module, BaseTunerLayer) or not _holds(module, subject.adapter):
            continue
        if type(module) is not LoraLinear or _is_variant(module, subject.adapter):
            return None
        left = module.lora_B[subject.adapter].weight.detach().float() * module.scaling[subject.adapter]
        right = module.lora_A[subject.adapter].weight.detach().float()
        found[f"{name}.weight"] = (right.T, left.T) if module.fan_in_fan_out else (left, right)
    return found


def _holds(module: Any, adapter: str | None) -> bool:
    return any(adapter in getattr(module, name) for name in module.adapter_layer_names if hasattr(module, name))


def _is_variant(module: Any, adapter: str | None) -> bool:
    """DoRA and other arithmetic than W + scale B A."""
    dora = getattr(module, "use_dora", {})
    variants = getattr(module, "lora_variant", {})
    return bool(dora.get(adapter)) or adapter in variants or module.lora_B[adapter].bias is not None


def _is_wrapper(module: Any) -> bool:
    return hasattr(module, "unload_and_optionally_merge_module")
