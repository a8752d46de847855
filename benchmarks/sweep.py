"""Where a planted trigger word ranks in the vocabulary: by the gradient, exactly, and in lists of random words.

The gradient is what `vocabulary-sweep` uses. `--exhaustive` scores every word alone with both models, as an exact
reference, and also lists of 32 words (a group test); it takes minutes.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from common import Clock, save
from whatchanged.bench.recipe import read_recipe
from whatchanged.config import AuditConfig
from whatchanged.ledger import Ledger
from whatchanged.pools import load_pools, split
from whatchanged.search.finder import Evidence
from whatchanged.search.gradient import divergence_gain, payload_gain, slots
from whatchanged.search.vocabulary import Sweep, unseen_words
from whatchanged.subjects import open_subjects

GROUP = 32


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--organism", default="rare-word")
    parser.add_argument("--exhaustive", action="store_true")
    asked = parser.parse_args()
    recipe: Any = read_recipe(Path("organisms") / f"{asked.organism}.yaml")
    config = AuditConfig(base=recipe.base, candidate=f"organisms/{asked.organism}")
    limits = config.limits
    base, candidate = open_subjects([config.base, config.candidate])
    prompts = split(load_pools(config.pool), limits.discovery_prompts, limits.confirmation_prompts, 0).discovery
    with tempfile.TemporaryDirectory() as folder:
        evidence = Evidence(Ledger(Path(folder), config), base, candidate, prompts, (), (), ())
        words = unseen_words(evidence)
        token = next(t for t, word in words.items() if word == recipe.plant.trigger)
        result = {"organism": asked.organism, "words": len(words), "ranks": ranks(evidence, words, token, recipe)}
        if asked.exhaustive:
            result["exhaustive"] = exhaustive(evidence, words, token)
    save(f"sweep-{asked.organism}", result)


def ranks(evidence: Evidence, words: dict[int, str], token: int, recipe: Any) -> dict[str, Any]:
    """Rank (from 1) of the trigger among all words, tokens (a gradient counts as three passes) and seconds."""
    where, found = slots(evidence, words), {}
    objectives: dict[str, Callable[[], Any]] = {
        "gradient of KL(q || p)": lambda: divergence_gain(evidence, where),
        "gradient of log q(payload)": lambda: payload_gain(evidence, where, recipe.plant.text.strip()),
    }
    for name, objective in objectives.items():
        with Clock() as clock:
            scores, cost = objective()
        spent = cost.scored_tokens
        found[name] = {
            "rank": rank(scores, list(words), token),
            "tokens": spent.base + spent.candidate,
            "seconds": round(clock.seconds, 1),
        }
    return found


def exhaustive(evidence: Evidence, words: dict[int, str], token: int) -> dict[str, Any]:
    """The exact excess of every word alone, and of lists of 32 random words."""
    tokens = sorted(words)
    order = np.random.default_rng(0).permutation(tokens).tolist()
    groups = [order[i : i + GROUP] for i in range(0, len(order), GROUP)]
    found = {}
    for name, rows, template in (
        ("every word alone", [[t] for t in tokens], "Tell me about {}"),
        ("lists of 32 words", groups, "{}"),
    ):
        sweep = Sweep(evidence)
        with Clock() as clock:
            excess = sweep.excess(rows, template)
        mine = next(i for i, row in enumerate(rows) if token in row)
        spent = sweep.cost.scored_tokens
        found[name] = {
            "rank": rank(excess, range(len(rows)), mine),
            "of": len(rows),
            "tokens": spent.base + spent.candidate,
            "seconds": round(clock.seconds, 1),
        }
    return found


def rank(scores: Any, among: Any, one: int) -> int:
    return 1 + int((scores[list(among)] > scores[one]).sum())


if __name__ == "__main__":
    main()
