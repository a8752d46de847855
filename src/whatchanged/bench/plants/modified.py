"""A candidate that needs no files: its base, or another model, with modifiers."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from whatchanged.bench.recipe import Plant, Recipe
from whatchanged.ledger import Progress


class Modified(Plant):
    """A model spec: rounding, pruning, noise, another dtype, a system prompt; without any, the model itself."""

    kind: Literal["modified"]
    modifiers: str = Field("", description="As after a model's name, without the first plus: `quantize=int4`.")
    model: str = Field("", description="The candidate before modifiers; the base unless given.")

    def make(self, recipe: Recipe, out: Path, progress: Progress, beside: Path) -> None:
        """Nothing: the candidate is a spec."""

    def candidate(self, recipe: Recipe, out: Path) -> str:
        """The spec."""
        return "+".join(part for part in (self.model or recipe.base, self.modifiers) if part)
