"""What found something before: prompts of earlier audits, those of the nearest interventions first."""

from collections import Counter

from whatchanged.pools import normalise
from whatchanged.records import Cost
from whatchanged.search.finder import Evidence, Proposed
from whatchanged.search.inserted import WordFinder
from whatchanged.search.library import Intervention, Remembered, intervention, read_library
from whatchanged.subjects import Access

MOST = 96


class Recall(WordFinder):
    """Prompts at which earlier audits confirmed a change, from the library that the settings name."""

    name = "recall"
    needs = Access.logits
    cheap = True
    once = True

    def applies(self, evidence: Evidence) -> bool:
        """Whether there is a library."""
        return evidence.ledger.config.library is not None

    def find(self, evidence: Evidence, tokens: int) -> Proposed:
        """At most 96 that were not screened yet. Looks at no model, so it costs nothing."""
        config = evidence.ledger.config
        if config.library is None:
            return Proposed([], Cost(), "no library was given: --library")
        here = intervention(config, evidence.base, evidence.weights)
        # Stable: of equally near ones the newest come first, as the library gives them.
        known = sorted(read_library(config.library), key=lambda kept: nearness(kept.under, here), reverse=True)
        seen = {normalise(p) for p in evidence.prompts}
        new: dict[str, Remembered] = {}
        for kept in known:
            new.setdefault(normalise(kept.prompt), kept)
        left = [kept for words, kept in new.items() if words not in seen]
        chosen = left[: min(MOST, tokens // evidence.price)]
        prompts = [kept.prompt.model_copy(update={"source": self.name}) for kept in chosen]
        return Proposed(prompts, Cost(), _note(len(known), Counter(nearness(k.under, here)[:2] for k in chosen)))


def nearness(other: Intervention, here: Intervention) -> tuple[bool, bool, float]:
    """(same kind, same base, Jaccard index of the changed modules): the larger, the nearer. An unknown kind is none."""
    mine, theirs = set(here.modules), set(other.modules)
    shared = len(mine & theirs) / len(mine | theirs) if mine | theirs else 0.0
    return bool(here.kind) and other.kind == here.kind, other.base == here.base, shared


def _note(known: int, chosen: Counter[tuple[bool, bool]]) -> str:
    if not known:
        return "the library is empty"
    if not chosen:
        return f"none of the library's {known} prompts is new here, or too few tokens"
    both, kind, base, neither = (chosen[near] for near in ((True, True), (True, False), (False, True), (False, False)))
    return (
        f"of the library's {known} prompts: {both} of this kind of change to this base, {kind} of this kind, "
        f"{base} of this base, {neither} others"
    )
