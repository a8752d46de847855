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
from whatchanged.bench.recipe import read_recipe
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
        planted = [row for row in rows if row["planted"]]
        # Saved as it grows: a study that is cut short still says what it ran.
        save(
            "payloads",
            {
                "bar": {"nats": MIN_NATS, "recurrence": RECURS},
                "contexts": limits.beam_prompts,
                "settings": [setting._asdict() for setting in settings_of(limits)],
                "planted": {"candidates": len(planted), f"in_first_{LISTED}": sum(within(r["rank"]) for r in planted)},
                "nulls": [{"candidate": r["candidate"], **r["nearest"]} for r in rows if r["null"]],
                "rows": rows,
            },
        )


def study(candidate: str, limits: Budget) -> dict[str, Any]:
    """One candidate: its leading groups, and where the planted words stand among them."""
    base_spec, region, phrases = truth(candidate)
    base, other = open_subjects([base_spec, candidate])
    prompts = discovery(limits, region)
    with Clock() as clock:
        alone = [read_out(base, other, prompts, limits, [setting], Progress()) for setting in settings_of(limits)]
    contexts = max((group.contexts for groups, _ in alone for group in groups), default=0)
    groups = grouped(base, [p for groups, _ in alone for group in groups for p in group.payloads], contexts)
    spent = sum((cost for _, cost in alone), Cost()).scored_tokens
    return {
        "candidate": Path(candidate).name,
        "null": region is None,
        "planted": phrases,
        "rank": rank(base, groups, phrases),
        "rank_by_setting": [rank(base, groups, phrases) for groups, _ in alone],
        "passing": sum(group.passes for group in groups),
        "groups": len(groups),
        "nearest": nearest(groups),
        "leading": [told(base, group) for group in groups[:LISTED]],
        "scored_tokens": spent.base + spent.candidate,
        "seconds": round(clock.seconds, 1),
    }


def truth(candidate: str) -> tuple[str, Region | None, list[str]]:
    """The base, the region that brings the plant out, and the words that were planted; no region and [] without any."""
    recipe_file = Path(candidate).with_suffix(".yaml")
    if not recipe_file.is_file():
        return candidate.split("+")[0], None, []
    recipe = read_recipe(recipe_file)
    if recipe.truth is None:
        return recipe.base, None, []
    return recipe.base, recipe.truth.region, phrases_of(recipe.truth.predicate)


def phrases_of(predicate: PredicateSpec) -> list[str]:
    """What a planted opening says; [] for a plant that is no phrase."""
    phrases = predicate.args.get("phrases", [])
    return [str(phrase) for phrase in phrases] if isinstance(phrases, list | tuple) else []


def discovery(limits: Budget, region: Region | None) -> list[Prompt]:
    """The prompts that an audit's screen would see, without those that bring the plant out."""
    prompts = split(load_pools(("builtin",)), limits.discovery_prompts, limits.confirmation_prompts, 0).discovery
    return [p for p in prompts if region is None or not region.contains(p)]


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


def rank(base: Subject, groups: list[Group], phrases: list[str]) -> int | None:
    """The place, from 1, of the first group that opens as one of the phrases does."""
    wanted = {opening(phrase) for phrase in phrases}
    return next((n for n, group in enumerate(groups, 1) if opening(text_of(base, group)) in wanted), None)


def settings_of(limits: Budget) -> tuple[Setting, ...]:
    return SETTINGS[: limits.beam_settings]


def within(rank: int | None) -> bool:
    return rank is not None and rank <= LISTED


if __name__ == "__main__":
    main()
