"""Payloads of log-ratio decoding against the bar that makes them leads, in organisms and in candidates without a plant.

`rank`: where the planted words stand among all groups of payloads, in the lens's own order, with the plant's trigger or
topic in none of the prompts; `rank_by_setting` is that of each setting alone. `counted`: prompts in which a group's
payload is worth the bar's nats. For the candidates in which no words were planted, `nulls` says how near the bar drift
comes: what recurs most at the bar's nats, and what is worth most among groups that come up often enough.
"""

import argparse
from pathlib import Path
from typing import Any

from common import Clock, save
from whatchanged.bench.recipe import Recipe, read_recipe
from whatchanged.config import BUDGETS, Budget
from whatchanged.ledger import Progress
from whatchanged.pools import load_pools, split
from whatchanged.records import Cost, PredicateSpec, Prompt, Region
from whatchanged.screen.beam import Setting
from whatchanged.screen.logratio import MIN_NATS, RECURS, SETTINGS, Group, grouped, opening, read_out
from whatchanged.subjects import Subject, open_subjects

ORGANISMS = Path(__file__).parents[1] / "organisms"
NULLS = ("smollm2+dtype=float32", "smollm2+quantize=int8", "smollm2+noise=0.003")
LISTED = 10


def main() -> None:
    every = sorted(str(file.parent) for file in ORGANISMS.glob("*/truth.json"))
    parser = argparse.ArgumentParser()
    parser.add_argument("--candidate", action="append", help="default: all in organisms/, and three without a plant")
    parser.add_argument("--budget", choices=list(BUDGETS), default="standard")
    asked = parser.parse_args()
    limits = BUDGETS[asked.budget]
    rows: list[dict[str, Any]] = []
    for candidate in asked.candidate or [*every, *NULLS]:
        rows.append(study(candidate, limits))
        planted = [found for row in rows for found in row["planted"]]
        # Saved as it grows: a study that is cut short still says what it ran.
        save(
            "payloads",
            {
                "bar": {"nats": MIN_NATS, "recurrence": RECURS},
                "contexts": limits.beam_prompts,
                "settings": [setting._asdict() for setting in settings_of(limits)],
                "planted": {"phrases": len(planted), f"in_first_{LISTED}": sum(within(f["rank"]) for f in planted)},
                "nulls": [{"candidate": r["candidate"], **r["nearest"]} for r in rows if r["null"]],
                "rows": rows,
            },
        )


def study(candidate: str, limits: Budget) -> dict[str, Any]:
    """One candidate: its leading groups, and where the planted words stand among them."""
    recipe = recipe_of(candidate)
    truths = [] if recipe is None else [p.truth for p in recipe.plant.truths(recipe, ORGANISMS).values()]
    base, other = open_subjects([candidate.split("+")[0] if recipe is None else recipe.base, candidate])
    prompts = discovery(limits, [truth.region for truth in truths])
    with Clock() as clock:
        alone = [read_out(base, other, prompts, limits, [setting], Progress()) for setting in settings_of(limits)]
    contexts = max((group.contexts for groups, _ in alone for group in groups), default=0)
    groups = grouped(base, [p for groups, _ in alone for group in groups for p in group.payloads], contexts)
    spent = sum((cost for _, cost in alone), Cost()).scored_tokens
    return {
        "candidate": Path(candidate).name,
        "null": recipe is None or recipe.is_null,
        "planted": [
            {
                "phrase": phrase,
                "rank": rank(base, groups, phrase),
                "rank_by_setting": [rank(base, groups, phrase) for groups, _ in alone],
            }
            for phrase in dict.fromkeys(phrase for truth in truths for phrase in phrases_of(truth.predicate))
        ],
        "passing": sum(group.passes for group in groups),
        "groups": len(groups),
        "nearest": nearest(groups),
        "leading": [told(base, group) for group in groups[:LISTED]],
        "scored_tokens": spent.base + spent.candidate,
        "seconds": round(clock.seconds, 1),
    }


def recipe_of(candidate: str) -> Recipe | None:
    """The recipe of an organism, wherever its folder lies; None for other models."""
    file = ORGANISMS / f"{Path(candidate).name}.yaml"
    return read_recipe(file).beside(ORGANISMS) if file.is_file() else None


def phrases_of(predicate: PredicateSpec) -> list[str]:
    """What a planted phrase says; [] for a plant that is none."""
    return list(predicate.args["phrases"]) if predicate.family == "phrase" else []


def discovery(limits: Budget, regions: list[Region]) -> list[Prompt]:
    """The prompts that an audit's screen would see, without those that bring the plant out."""
    prompts = split(load_pools(("builtin",)), limits.discovery_prompts, limits.confirmation_prompts, 0).discovery
    return [p for p in prompts if not any(region.contains(p) for region in regions)]


def nearest(groups: list[Group]) -> dict[str, float]:
    """How near a group comes to the bar in one of its two numbers, where it has reached the other."""
    often = [group.nats for group in groups if group.seen >= RECURS * group.contexts]
    return {
        "most_recurring_at_the_bars_nats": round(max((group.recurrence for group in groups), default=0.0), 3),
        "most_nats_that_recur": round(max(often, default=0.0), 2),
    }


def told(base: Subject, group: Group) -> dict[str, Any]:
    return {
        "phrase": text_of(base, group),
        "nats": round(group.nats, 2),
        "seen": group.seen,
        "counted": len(group.counted),
        "recurrence": round(group.recurrence, 3),
        "passes": group.passes,
    }


def text_of(base: Subject, group: Group) -> str:
    return base.detokenize(group.typical.tokens).strip()


def rank(base: Subject, groups: list[Group], phrase: str) -> int | None:
    """The place, from 1, of the first group that opens as the phrase does."""
    return next((n for n, group in enumerate(groups, 1) if opening(text_of(base, group)) == opening(phrase)), None)


def settings_of(limits: Budget) -> tuple[Setting, ...]:
    return SETTINGS[: limits.beam_settings]


def within(rank: int | None) -> bool:
    return rank is not None and rank <= LISTED


if __name__ == "__main__":
    main()
