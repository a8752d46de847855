"""How often base and organism do what was planted."""

import numpy as np

from whatchanged.bench.recipe import Recipe, Truth
from whatchanged.elicit.openings import opening_probabilities
from whatchanged.predicates import load
from whatchanged.subjects import Subject


def true_rates(recipe: Recipe, truth: Truth, base: Subject, made: Subject) -> dict[str, dict[str, float]]:
    """Mean, standard error and number of prompts, by WHERE_WHO: on_target or off_target, base or candidate."""
    on, off = recipe.plant.targets(recipe, base, recipe.measure, recipe.measure, recipe.seed + 2000)
    openings = load(truth.predicate).openings()
    rates = {}
    for where, prompts in (("on_target", on), ("off_target", off)):
        for who, subject in (("base", base), ("candidate", made)):
            found, _ = opening_probabilities(subject, prompts, openings)
            rates[f"{where}_{who}"] = {
                "mean": round(float(found.mean()), 4),
                "standard_error": round(float(found.std() / np.sqrt(len(found))), 4),
                "prompts": len(prompts),
            }
    return rates
