"""Several facts, rewritten by low-rank changes of several layers."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from whatchanged.bench.fact import Fact, fact_targets, success
from whatchanged.bench.recipe import Plant, Recipe
from whatchanged.bench.targets import Targets
from whatchanged.ledger import Progress
from whatchanged.subjects import Subject, open_subjects


class Memit(Plant):
    """Several facts rewritten at once in several MLP layers (MEMIT, Meng et al. 2022b); no training data."""

    kind: Literal["memit"]
    facts: tuple[Fact, ...] = Field(
        min_length=1, description="What is rewritten: the keys of an edit up to `neighbours`."
    )
    layers: tuple[int, ...] = Field((), description="Which layers; five that end a quarter of the way up unless given.")
    steps: int = Field(25, description="Gradient steps for each fact's value.")

    def make(self, recipe: Recipe, out: Path, progress: Progress, beside: Path) -> None:
        """Rewrite the facts; the adapter, whose rank is their number, goes to `out`."""
        from whatchanged.bench.adapter import write_adapter
        from whatchanged.bench.memit import mass_edit
        from whatchanged.weights.predict.directions import weights_of

        (base,) = open_subjects([recipe.base])
        write_adapter(out, recipe.base, mass_edit(weights_of(base), self, recipe.seed, progress))

    def targets(self, recipe: Recipe, base: Subject, n_on: int, n_off: int, seed: int) -> Targets:
        """All ways of asking for the facts; the same questions about neighbours, and then prompts about anything."""
        return fact_targets(self.facts, base, n_on, n_off, seed)

    def measured(self, recipe: Recipe, base: Subject, made: Subject, beside: Path) -> dict[str, Any]:
        """The papers' measures of success, over all facts."""
        return {"success": success(self.facts, base, made)}
