"""Several organisms in one adapter: dW is the sum of theirs, written as their factors side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, model_validator

from whatchanged.bench.recipe import Plant, Planted, Recipe, read_recipe
from whatchanged.errors import SpecError
from whatchanged.ledger import Progress
from whatchanged.subjects import Subject

INTENDED = "intended.yaml"


class Merge(Plant):
    """The sum of the adapters `of` other recipes beside this one; no training."""

    kind: Literal["merge"]
    of: tuple[str, ...] = Field(min_length=2, description="Recipes by file name, without the suffix.")
    intended: tuple[str, ...] = Field((), description="Those of them that count as wanted.")

    @model_validator(mode="after")
    def _intended_is_merged(self) -> Self:
        if stray := [name for name in self.intended if name not in self.of]:
            raise ValueError(f"intended '{stray[0]}' is not in of")
        return self

    def make(self, recipe: Recipe, out: Path, progress: Progress, beside: Path) -> None:
        """Write the sum, and the wanted parts as a file for --intended."""
        parts = self.parts(recipe, beside)
        merge(recipe, [beside / name for name in parts], out)
        write_intended({name: parts[name] for name in self.intended}, out)

    def truths(self, recipe: Recipe, beside: Path) -> dict[str, Planted]:
        """Those of the merged recipes."""
        parts = self.parts(recipe, beside)
        return {n: Planted(p.truth, n in self.intended) for n, p in parts.items() if p.truth is not None}

    def measured(self, recipe: Recipe, base: Subject, made: Subject, beside: Path) -> dict[str, Any]:
        """The rates of the wanted parts, by name; and those of `other` parts than that whose truth is the recipe's."""
        from whatchanged.bench.rates import true_rates

        parts = self.parts(recipe, beside)
        found: dict[str, Any] = {"intended": {}, "other": {}}
        for name, (truth, intended) in self.truths(recipe, beside).items():
            if intended or truth != recipe.truth:
                found["intended" if intended else "other"][name] = true_rates(parts[name], truth, base, made)
        return {key: rates for key, rates in found.items() if rates}

    def parts(self, recipe: Recipe, beside: Path) -> dict[str, Recipe]:
        """The merged recipes by name. Raises SpecError for other bases and adapters not made."""
        parts = {name: read_recipe(beside / f"{name}.yaml") for name in self.of}
        for name, part in parts.items():
            if part.beside(beside).base != recipe.base:
                raise SpecError(
                    f"plant.of: '{name}' has the base '{part.base}', not '{recipe.base}': merge those of one base"
                )
            if not (beside / name / "adapter_model.safetensors").is_file():
                raise SpecError(f"plant.of: no adapter in '{beside / name}': first make '{beside / name}.yaml'")
            if name in self.intended and part.truth is None:
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


def write_intended(parts: dict[str, Recipe], out: Path) -> None:
    """The wanted parts as a file for --intended; none where nothing is wanted."""
    truths = {name: part.truth for name, part in parts.items()}
    entries = [{"name": n, **truth.model_dump(mode="json")} for n, truth in truths.items() if truth is not None]
    if entries:
        (out / INTENDED).write_text(yaml.safe_dump(entries, sort_keys=False, allow_unicode=True))
