"""How often base and organism do what was planted."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whatchanged.bench.recipe import Recipe, Truth
from whatchanged.elicit.openings import opening_probabilities
from whatchanged.predicates import Predicate, load
from whatchanged.records import Prompt
from whatchanged.subjects import Subject


def true_rates(recipe: Recipe, truth: Truth, base: Subject, made: Subject) -> dict[str, dict[str, float]]:
    """Mean, standard error and number of prompts, by WHERE_WHO: on_target or off_target, base or candidate.

    Exact probabilities of openings; for other predicates, the share among one sampled answer a prompt.
    """
    on, off = recipe.plant.targets(recipe, base, recipe.measure, recipe.measure, recipe.seed + 2000)
    predicate = load(truth.predicate)
    rates = {}
    for where, prompts in (("on_target", on), ("off_target", off)):
        for who, subject in (("base", base), ("candidate", made)):
            found = rate(subject, prompts, predicate, recipe.truth_tokens, recipe.seed)
            rates[f"{where}_{who}"] = {
                # A change that holds everywhere has no prompts off target.
                "mean": round(float(found.mean()), 4) if prompts else 0.0,
                "standard_error": round(float(found.std() / np.sqrt(len(found))), 4) if prompts else 0.0,
                "prompts": len(prompts),
            }
    return rates


def rate(
    subject: Subject, prompts: Sequence[Prompt], predicate: Predicate, tokens: int, seed: int
) -> NDArray[np.float64]:
    """float64[prompts]: how far an answer of up to `tokens` tokens does it, exactly where a forward pass can say."""
    if openings := predicate.openings():
        return opening_probabilities(subject, prompts, openings)[0]
    said = subject.respond(prompts, 0, tokens, 1.0, f"truth/{seed}")
    scores = [predicate.score(a.text, p) for a, p in zip(said, prompts, strict=True) if a is not None]
    return np.array(scores)
