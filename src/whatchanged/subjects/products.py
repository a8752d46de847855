"""Matrix products in half precision on processors that have no instructions for them."""

from typing import Any

import torch
from torch import nn

# What an x86 processor calls its instructions for products in each dtype.
INSTRUCTIONS = {torch.bfloat16: ("avx512_bf16", "amx_bf16"), torch.float16: ("avx512_fp16", "amx_fp16")}
# From so many rows on it pays to widen the weights, so many at a time that they stay in the processor's cache.
ROWS = 8
PIECE = 2**21


class Widened(nn.Linear):
    """A linear layer whose product is taken in float32 and rounded once to the layer's dtype.

    That is what instructions for half precision do too. Without them torch imitates them, four times slower. The
    weights stay as they are, for whoever reads or changes them.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """[..., out] of [..., in], in the dtype of the input."""
        few = input.numel() < ROWS * self.in_features
        if few or input.dtype != self.weight.dtype or torch.is_autocast_enabled(input.device.type):
            return super().forward(input)
        wide, size = input.float(), max(1, PIECE // self.in_features)
        parts = []
        for start in range(0, self.out_features, size):
            bias = None if self.bias is None else self.bias[start : start + size].float()
            parts.append(_product(wide, self.weight[start : start + size], bias).to(input.dtype))
        return parts[0] if len(parts) == 1 else torch.cat(parts, -1)


def _product(rows: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """In float32. For the way back the weight is kept as it is, and widened again there: all of a model's at once would
    take three times its memory."""
    wide = weight.float()
    if not (torch.is_grad_enabled() and rows.requires_grad):
        return nn.functional.linear(rows, wide, bias)
    place = wide.data_ptr()  # a number: who holds `pack` would hold the weight

    def pack(saved: torch.Tensor) -> Any:
        return (saved.shape, saved.stride()) if saved.data_ptr() == place else saved

    def unpack(kept: Any) -> torch.Tensor:
        return kept if isinstance(kept, torch.Tensor) else weight.detach().float().as_strided(*kept)

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        return nn.functional.linear(rows, wide, bias)


def widen(model: nn.Module) -> None:
    """Make `Widened` of each linear layer whose dtype this processor does not multiply; again adds none."""
    for module in model.modules():
        if type(module) is nn.Linear and module.weight.device.type == "cpu" and not native(module.weight.dtype):
            module.__class__ = Widened


def native(dtype: torch.dtype) -> bool:
    """Whether the processor multiplies in this dtype. True where nobody can tell, and for float32."""
    asked = getattr(torch.cpu, "get_capabilities", None)
    can = asked() if asked is not None else {}
    if dtype not in INSTRUCTIONS or can.get("architecture") != "x86_64":
        return True
    return any(can.get(name, False) for name in INSTRUCTIONS[dtype])
