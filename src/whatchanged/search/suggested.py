"""Prompts that a language model writes, told which words of the answers rise and fall."""

from whatchanged.records import Cost
from whatchanged.search.finder import Evidence, Proposed
from whatchanged.search.inserted import WordFinder
from whatchanged.subjects import Access

# Messages that are asked for.
MOST = 24


class Suggested(WordFinder):
    """What the reasoner expects the two models to answer differently, having seen the leads and nothing else."""

    name = "reasoner"
    needs = Access.logits
    cheap = True
    once = True

    def applies(self, evidence: Evidence) -> bool:
        """Whether there is a reasoner."""
        return evidence.author is not None

    def find(self, evidence: Evidence, tokens: int) -> Proposed:
        """At most 24 messages, in the reasoner's order, for one call."""
        if evidence.author is None:
            return Proposed([], Cost(), "no reasoner was given: --reasoner")
        most = min(MOST, tokens // evidence.price)
        if not most or not evidence.leads:
            return Proposed([], Cost(), "no leads to tell the reasoner of" if most else "too few tokens to screen any")
        came = evidence.author.differing(evidence.leads, most)
        return Proposed(evidence.unasked(came.texts, self.name), came.cost, came.told)
