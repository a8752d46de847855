"""Several organisms in one adapter: dW is the sum of theirs, written as their factors side by side."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from whatchanged.bench.recipe import Merge, Recipe, read_recipe
from whatchanged.errors import SpecError

INTENDED = "intended.yaml"


def read_parts(recipe: Recipe, plant: Merge, beside: Path) -> dict[str, Recipe]:
    """The merged recipes by name, from the folder `beside`. Raises SpecError for other bases and adapters not made."""
    parts = {name: read_recipe(beside / f"{name}.yaml") for name in plant.of}
    for name, part in parts.items():
        if part.base != recipe.base:
            raise SpecError(
                f"plant.of: '{name}' has the base '{part.base}', not '{recipe.base}': merge those of one base"
            )
        if not (beside / name / "adapter_model.safetensors").is_file():
            raise SpecError(f"plant.of: no adapter in '{beside / name}': first make '{beside / name}.yaml'")
        if name in plant.intended and part.truth is None:
            raise SpecError(f"plant.intended: '{name}' has no truth: name one that has")
    return parts


def merge(recipe: Recipe, folders: Sequence[Path], out: Path) -> None:
    """Write the sum to `out`: factors of one layer are concatenated, so its rank is the sum of theirs.

    Each adapter's scale goes into its left factor: exact in bfloat16 for a power of two. Raises CheckpointError for
    adapters that are no LoRA of this base, SpecError for one with whole tensors beside its factors.
    """
    import numpy as np
    import torch

    from whatchanged.bench.adapter import write_adapter
    from whatchanged.weights import open_checkpoint
    from whatchanged.weights.adapter import Factors, read_adapter

    tensors = open_checkpoint(recipe.base).tensors
    found: dict[str, list[Factors]] = {}
    for folder in folders:
        adapter = read_adapter(folder, tensors)
        if adapter.replaced:
            raise SpecError(
                f"plant.of: '{folder}' replaces {next(iter(adapter.replaced))} whole: only LoRA layers add up"
            )
        for name, factors in adapter.factors.items():
            found.setdefault(name.removesuffix(".weight"), []).append(factors)
    write_adapter(
        out,
        recipe.base,
        {
            module: (
                torch.from_numpy(np.hstack([f.left for f in some])),
                torch.from_numpy(np.vstack([f.right for f in some])),
            )
            for module, some in found.items()
        },
    )


def write_intended(parts: dict[str, Recipe], names: Sequence[str], out: Path) -> None:
    """The wanted parts as a file for --intended; none where nothing is wanted."""
    truths = {name: parts[name].truth for name in names}
    entries = [{"name": n, **truth.model_dump(mode="json")} for n, truth in truths.items() if truth is not None]
    if entries:
        (out / INTENDED).write_text(yaml.safe_dump(entries, sort_keys=False, allow_unicode=True))
