"""Matrix products in half precision on processors that have no instructions for them."""

from collections.abc import Iterator

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
        wide = input.float()
        parts = [nn.functional.linear(wide, *part).to(input.dtype) for part in self._parts()]
        return parts[0] if len(parts) == 1 else torch.cat(parts, -1)

    def _parts(self) -> Iterator[tuple[torch.Tensor, torch.Tensor | None]]:
        """Weights and biases of some outputs after the other, in float32."""
        size = max(1, PIECE // self.in_features)
        for start in range(0, self.out_features, size):
            bias = None if self.bias is None else self.bias[start : start + size].float()
            yield self.weight[start : start + size].float(), bias


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
