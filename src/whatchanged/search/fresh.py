"""The prompts on which a claim is tested: the pool's own in its region, or new ones of the kind that a finder made."""

from collections.abc import Sequence

from whatchanged import registry
from whatchanged.records import BASE, Finding, Hypothesis, Prompt, words_of
from whatchanged.search.finder import Finder

MADE = 96


def fresh_prompts(claim: Hypothesis | Finding, prompts: Sequence[Prompt]) -> list[Prompt]:
    """From `prompts`, which discovery never saw, those in the claim's region, in their order.

    Where a finder's prompts showed it, the pool has too few: then at most 96 that the finder makes from `prompts`.
    What the base wrote for a claim is in the run's ledger: see `frombase.written`.
    """
    if claim.finder is not None and claim.finder != BASE:
        finder: Finder = registry.finders[claim.finder]()
        if made := finder.fresh(claim.region, prompts, MADE):
            return made
    return [p for p in prompts if claim.region.contains(p)]


def unasked(claims: Sequence[Hypothesis], prompts: Sequence[Prompt]) -> list[Prompt]:
    """Those of `prompts` that no test of these claims asks: in no region, and in no prompt that a finder makes of them.

    What is made holds all the words of what it is made of; where they are there by chance, the prompt is left out too.
    """
    made = [words_of(p.text) for claim in claims if claim.finder is not None for p in fresh_prompts(claim, prompts)]
    apart = ((p, words_of(p.text)) for p in prompts if not any(claim.region.contains(p) for claim in claims))
    return [p for p, words in apart if not any(words <= there for there in made)]
