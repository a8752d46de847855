"""Quality-diversity search: the best prompts of every kind, mutated; what becomes of them is seen in the next round."""

from collections.abc import Iterator, Sequence

import numpy as np

from whatchanged.errors import MissingExtra
from whatchanged.pools import normalise
from whatchanged.records import Cost, Prompt
from whatchanged.search.archive import Gains, elites
from whatchanged.search.finder import Evidence, Proposed
from whatchanged.search.inserted import WordFinder
from whatchanged.search.mutants import Mutator, candidate_triggers
from whatchanged.subjects import Access, stream, stream_key

# Elites that are drawn to be a parent: of them the one that shows most is.
DRAWN = 2
# Children made for one that is new, at most.
PATIENCE = 20
# Parents that a reasoner rewrites in one round.
REWRITTEN = 4


class Mutation(WordFinder):
    """Mutants of the prompts that show most, of each lead, topic and length (MAP-Elites, Mouret and Clune 2015)."""

    name = "mutation"
    needs = Access.logits

    def find(self, evidence: Evidence, tokens: int) -> Proposed:
        """As many mutants as `tokens` screens: a few that a reasoner rewrote, where there is one, and then those of the
        best parents. No other model is asked, so that nothing else costs anything."""
        gains = Gains(evidence)
        merit = gains.merit()
        try:
            archive = sorted(elites(evidence, gains), key=lambda i: (-merit[i], i))
        except MissingExtra as error:  # told in the report: it is no reason to lose the screen
            return Proposed([], Cost(), str(error))
        if not archive:
            return Proposed([], Cost(), "no prompt of a single turn to mutate")
        rng = stream(stream_key(self.name, f"{evidence.ledger.config.seed}/{evidence.round}"))
        triggers = candidate_triggers(evidence.prompts, merit, evidence.leads)
        mutator = Mutator([evidence.prompts[i].text for i in archive], triggers, rng)
        count = tokens // evidence.price
        rewritten, cost, told = self._rewritten(evidence, archive, rng, min(REWRITTEN, count))
        made = dict(self._mutants(evidence, archive, mutator, count - len(rewritten)))
        best = ", ".join(f"'{t}'" for t in triggers[:3]) or "none"
        shown = f"{len(archive)} elites, the best {merit[archive[0]]:.2f} nats beyond drift"
        note = f"{shown}; leading triggers: {best}{told}"
        return Proposed([*rewritten, *sorted(made, key=lambda p: made[p])], cost, note)

    def _rewritten(
        self, evidence: Evidence, archive: Sequence[int], rng: np.random.Generator, count: int
    ) -> tuple[list[Prompt], Cost, str]:
        """At most `count` parents in a language model's words, what that cost, and what to say of it."""
        if evidence.author is None or not count:
            return [], Cost(), ""
        places = sorted({_drawn(archive, rng) for _ in range(count)})
        came = evidence.author.rewritten([evidence.prompts[archive[i]].text for i in places], evidence.round)
        return evidence.unasked(came.texts, self.name), came.cost, f"; {came.told}"

    def _mutants(
        self, evidence: Evidence, archive: Sequence[int], mutator: Mutator, count: int
    ) -> Iterator[tuple[Prompt, int]]:
        """At most `count` new prompts, each with its parent's place in the archive, which is sorted by merit."""
        known = {normalise(p) for p in evidence.prompts} | {""}
        for _ in range(PATIENCE * count):
            if not count:
                return
            place = _drawn(archive, mutator.rng)
            prompt = Prompt.user(mutator.child(evidence.prompts[archive[place]].text), source=self.name)
            if prompt.text.isprintable() and (words := normalise(prompt)) not in known:
                known.add(words)
                count -= 1
                yield prompt, place


def _drawn(archive: Sequence[int], rng: np.random.Generator) -> int:
    """A parent's place in the archive."""
    return int(np.min(rng.integers(len(archive), size=DRAWN)))
