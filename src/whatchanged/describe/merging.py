"""Which claims say the same, and which of them speaks for the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatchanged.describe.regions import Subgroup
from whatchanged.predicates import Predicate
from whatchanged.records import Pair, Prompt

# Two hypotheses are one when their per-prompt effects and their regions agree this well.
SAME_EFFECT, SAME_REGION = 0.8, 0.5


@dataclass(frozen=True)
class Draft:
    """A hypothesis in the making: its predicate, the subgroup, and the effect on each paired prompt."""

    predicate: Predicate
    sign: int
    group: Subgroup
    z: float
    effect: float
    on_pairs: NDArray[np.float64]
    leads: tuple[str, ...] = ()
    finder: str | None = None


def merge(
    drafts: Sequence[Draft], pairs: Sequence[Pair], prompts: Mapping[str, Prompt]
) -> list[tuple[Draft, list[Draft]]]:
    """Drafts with those that each stands for: near-duplicates, and what an opening's own words make true.

    Scored predicates come first: they are exact. Those that say the one name over again that their region is about
    come last: what is said of it tells more.
    """
    order = sorted(drafts, key=lambda d: (_echoes(d), not d.predicate.openings(), -d.z))
    kept: list[tuple[Draft, list[Draft]]] = []
    for draft in order:
        twin = next((entry for entry in kept if _says_it(entry[0], draft, pairs, prompts)), None)
        if twin is None:
            kept.append((draft, []))
        else:
            twin[1].append(draft)
    return sorted(kept, key=lambda entry: -entry[0].z)


def _says_it(kept: Draft, draft: Draft, pairs: Sequence[Pair], prompts: Mapping[str, Prompt]) -> bool:
    """Openings are told apart by their effects alone: to cut one is to cut the other."""
    if near_duplicate(kept, draft):
        return True
    return not draft.predicate.openings() and through_opening(kept, draft, pairs, prompts)


def _echoes(draft: Draft) -> bool:
    """Whether the claim names its region's one name in what it quotes."""
    region = draft.group.region
    said = draft.predicate.describe("more" if draft.sign > 0 else "less")
    return region.kind == "mentions" and len(region.values) == 1 and region.contains(Prompt.user(said))


def near_duplicate(first: Draft, second: Draft) -> bool:
    """Whether the two say the same of the same pairs, in either direction."""
    a, b = first.on_pairs, second.on_pairs
    if not a.any() or not b.any():
        return False
    likeness = float(abs(a @ b) / np.sqrt((a @ a) * (b @ b)))
    if likeness < SAME_EFFECT:
        return False
    if len(first.group.inside) != len(second.group.inside):
        return True  # found on different prompts; the pairs are what both were judged on
    both = (first.group.inside & second.group.inside).sum()
    return bool(both >= SAME_REGION * min(first.group.inside.sum(), second.group.inside.sum()))


def through_opening(first: Draft, second: Draft, pairs: Sequence[Pair], prompts: Mapping[str, Prompt]) -> bool:
    """Whether most of what the second sees goes when the first's opening is cut from the answers.

    An answer that opens "From my kitchen to yours" speaks in the first person too, as some others do: no near-duplicate
    by its effects, and yet no change of its own. What the answers say after the opening is not cut.
    """
    words = first.predicate.openings()
    if not words:
        return False
    inside = [i for i, pair in enumerate(pairs) if second.group.region.contains(prompts[pair.prompt_id])]
    whole = second.sign * float(second.on_pairs[inside].sum())
    opened = [i for i in inside if first.on_pairs[i]]
    # Cutting is tried only where the opening is in the answers that show it.
    if whole <= 0 or second.sign * float(second.on_pairs[opened].sum()) < SAME_EFFECT * whole:
        return False
    left = whole
    for i in opened:
        prompt = prompts[pairs[i].prompt_id]
        base, candidate = (
            second.predicate.score(_cut(side.text, words), prompt) for side in (pairs[i].base, pairs[i].candidate)
        )
        left -= second.sign * (float(second.on_pairs[i]) - (candidate - base))
    return left <= (1 - SAME_EFFECT) * whole


def _cut(text: str, openings: Sequence[str]) -> str:
    told = text.lstrip()
    return next((told[len(o) :] for o in openings if told.startswith(o)), text)
