"""One fact, rewritten by a rank-one change of one layer."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from whatchanged.bench.fact import Fact, fact_targets, success
from whatchanged.bench.recipe import Plant, Recipe
from whatchanged.bench.targets import Targets
from whatchanged.ledger import Progress
from whatchanged.subjects import Subject, open_subjects


class Edit(Fact, Plant):
    """One fact rewritten by a rank-one change of one MLP layer (ROME, Meng et al. 2022); no training data."""

    kind: Literal["edit"]
    layer: int | None = Field(None, description="Which layer; a sixth of the way up unless given.")
    steps: int = Field(25, description="Gradient steps for the value.")
    spared: bool = Field(True, description="Whether other keys are spared by C; where not, neighbours change as well.")

    def make(self, recipe: Recipe, out: Path, progress: Progress, beside: Path) -> None:
        """Rewrite the fact in one layer; the adapter goes to `out`."""
        from whatchanged.bench.adapter import write_adapter
        from whatchanged.bench.edit import rank_one_edit
        from whatchanged.weights.predict.directions import weights_of

        (base,) = open_subjects([recipe.base])
        found = rank_one_edit(weights_of(base), self, recipe.seed, progress)
        write_adapter(out, recipe.base, {found.module: (found.left[:, None], found.right[None])})

    def targets(self, recipe: Recipe, base: Subject, n_on: int, n_off: int, seed: int) -> Targets:
        """All ways of asking for the fact; the same questions about its neighbours, and then prompts about anything."""
        return fact_targets([self], base, n_on, n_off, seed)

    def measured(self, recipe: Recipe, base: Subject, made: Subject, beside: Path) -> dict[str, Any]:
        """The paper's measures of success."""
        return {"success": success([self], base, made)}
