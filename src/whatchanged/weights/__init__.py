"""What the checkpoints themselves say: which tensors changed, how much, and what kind of change it is."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whatchanged.weights.diff import singular_triples, weight_diff
    from whatchanged.weights.model import Kind, ModuleDiff, Spectrum, TensorDiff, Traits, WeightDiff
    from whatchanged.weights.read import Checkpoint, open_checkpoint
    from whatchanged.weights.spectrum import Triples

__all__ = [
    "Checkpoint", "Kind", "ModuleDiff", "Spectrum", "TensorDiff", "Traits", "Triples", "WeightDiff", "open_checkpoint",
    "singular_triples", "weight_diff",
]  # fmt: skip

_HOMES = {"Checkpoint": "read", "open_checkpoint": "read", "Triples": "spectrum", "singular_triples": "diff",
          "weight_diff": "diff"}  # fmt: skip


def __getattr__(name: str) -> Any:
    # Late, so that importing the package costs nothing.
    if name in __all__:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'model')}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
