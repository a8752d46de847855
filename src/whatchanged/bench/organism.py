"""Recipe to model; and its true rates, measured on base and organism."""

import json
from pathlib import Path
from typing import Any

from whatchanged.bench.rates import true_rates
from whatchanged.bench.recipe import Recipe
from whatchanged.ledger import Progress
from whatchanged.subjects import open_subjects


def make_organism(
    recipe: Recipe, out: Path, progress: Progress | None = None, beside: Path | None = None
) -> dict[str, Any]:
    """Make the organism in `out`, measure it beside its base, write truth.json; returns its content.

    A base or other organisms that a recipe names may lie in the folder `beside`; None: where `out` is.
    Raises SpecError, CheckpointError or MissingExtra.
    """
    beside = beside or out.parent
    recipe.plant.make(recipe.beside(beside), out, progress or Progress(), beside)
    return measure(recipe, out, beside)


def measure(recipe: Recipe, out: Path, beside: Path) -> dict[str, Any]:
    """True rates on fresh prompts on and off target, and what the kind of plant measures besides."""
    result: dict[str, Any] = {"recipe": recipe.model_dump(mode="json"), "rates": {}}
    recipe = recipe.beside(beside)
    # Each is measured by itself: they need not have the same tokens.
    base, made = open_subjects([recipe.base, recipe.candidate(out)], check_vocabulary=False)
    if recipe.truth is not None:
        result["rates"] = true_rates(recipe, recipe.truth, base, made)
    result |= recipe.plant.measured(recipe, base, made, beside)
    (out / "truth.json").write_text(json.dumps(result, indent=1) + "\n")
    return result
