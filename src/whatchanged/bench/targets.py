"""Fresh prompts on and off target, which the base writes itself."""

import random
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from whatchanged.pools.made import PLACES, with_text
from whatchanged.pools.selfmade import load_openers, write_prompts
from whatchanged.records import Prompt, Region
from whatchanged.subjects import Subject

TriggerPlace = Literal["end", "any"]


class Targets(NamedTuple):
    """Prompts on target and off it."""

    on: list[Prompt]
    off: list[Prompt]


def by_topic(
    base: Subject,
    region: Region | None,
    openers: Mapping[str, Sequence[str]],
    topics: Sequence[str],
    near: Sequence[str],
    n_on: int,
    n_off: int,
    seed: int,
) -> Targets:
    """Prompts about `topics`, and about other topics, `near` ones before the rest; `region` sorts them for good.

    Where the region is everywhere, all built-in topics are on target, unless some are named, and nothing is off.
    """
    built_in = load_openers()
    if region is not None and region.kind == "everywhere":
        named = {t: openers[t] for t in topics or built_in}
        return Targets(shuffled(write_prompts(base, named, int(1.2 * n_on) // len(named) + 1, seed), seed)[:n_on], [])
    targets = {t: openers[t] for t in topics}
    others = {t: starts for t, starts in built_in.items() if t not in topics}
    on = write_prompts(base, targets, int(1.2 * n_on) // max(1, len(targets)), seed) if targets else []
    hard = write_prompts(base, {t: openers[t] for t in near}, n_off // 4 // max(1, len(near)), seed + 1)
    off = hard + write_prompts(base, others, n_off // len(others) + 4, seed + 2)
    on = [p for p in on if region is not None and region.contains(p)]
    off = [p for p in off if region is None or not region.contains(p)]
    return Targets(shuffled(on, seed)[:n_on], near_first(off, hard)[:n_off])


def by_trigger(
    base: Subject, trigger: str, decoys: Sequence[str], place: TriggerPlace, n_on: int, n_off: int, seed: int
) -> Targets:
    """Prompts about anything, with the trigger in them; and with none or a decoy in its place."""
    openers = load_openers()
    prompts = shuffled(write_prompts(base, openers, (n_on + n_off) // len(openers) + 8, seed), seed)
    others = ("", *decoys)
    on = [_put(p, trigger, place, i) for i, p in enumerate(prompts[:n_on])]
    off = [_put(p, others[i % len(others)], place, i) for i, p in enumerate(prompts[n_on:])]
    return Targets(on, off[:n_off])


def _put(prompt: Prompt, text: str, place: TriggerPlace, number: int) -> Prompt:
    """The prompt with a trigger or a decoy in it, with none for ""; places take turns where any will do."""
    places = PLACES if place == "any" else PLACES[:1]
    return with_text(prompt, text, places[number % len(places)]) if text else prompt


def near_first(off: Sequence[Prompt], near: Sequence[Prompt]) -> list[Prompt]:
    """Hard negatives before the rest, so that the cut keeps them."""
    hard = {p.id for p in near}
    return [p for p in off if p.id in hard] + shuffled([p for p in off if p.id not in hard], 0)


def shuffled(prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
    """In an order that the seed decides."""
    mixed = list(prompts)
    random.Random(seed).shuffle(mixed)
    return mixed
