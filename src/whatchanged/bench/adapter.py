"""Low-rank changes as a PEFT folder. Imports torch: import it late."""

from collections.abc import Mapping
from pathlib import Path

import torch
from peft import LoraConfig
from safetensors.torch import save_file

from whatchanged.subjects.sources import base_to_record

Factors = tuple[torch.Tensor, torch.Tensor]


def write_adapter(out: Path, base: str, factors: Mapping[str, Factors]) -> None:
    """A LoRA with dW = left @ right for each linear layer, by its path.

    `factors` are (left [out, r], right [r, in]). Stored in bfloat16; layers of a smaller rank are padded with zeros.
    """
    rank = max(left.shape[1] for left, _ in factors.values())
    stored = {}
    for module, (left, right) in factors.items():
        missing = rank - left.shape[1]
        a = torch.nn.functional.pad(right, (0, 0, 0, missing))
        b = torch.nn.functional.pad(left, (0, missing))
        stored[f"base_model.model.{module}.lora_A.weight"] = a.bfloat16().contiguous()
        stored[f"base_model.model.{module}.lora_B.weight"] = b.bfloat16().contiguous()
    save_file(stored, out / "adapter_model.safetensors", metadata={"format": "pt"})
    LoraConfig(
        r=rank,
        lora_alpha=rank,  # a scale of 1
        target_modules=list(factors),
        task_type="CAUSAL_LM",
        base_model_name_or_path=base_to_record(base, out),
        inference_mode=True,
    ).save_pretrained(str(out))
