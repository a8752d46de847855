"""What brings a payload out: log-ratio decoding reads a payload without its trigger; here the trigger is looked for."""

import math
import re
from collections.abc import Iterator, Sequence

from whatchanged.pools.made import PLACES, with_text
from whatchanged.records import Cost, Lead, Prompt
from whatchanged.search.climb import CARRIERS, Climb, Trial
from whatchanged.search.finder import Evidence, Proposed
from whatchanged.search.inserted import WordFinder
from whatchanged.search.odds import Odds, payloads
from whatchanged.search.words import UserWords
from whatchanged.subjects import Access, Subject

PAYLOADS = 2
PHRASES = 2
PER_PHRASE = 12
PER_PART = 4
# With less than so many prompts cost to screen, it does not begin.
LEAST = 100
# Where the payload is rarer than this even behind the best phrase, nobody would see it.
SEEN = 0.02
# A prompt that brings it out as often as not holds its trigger; what shows less often is a leak, and worth a search. So
# is what fewer than half of the strongest prompts bring out: a pool may touch the fringe of what it is about.
SHOWN, STRONGEST = 0.5, 8
NONE = "no payload of log-ratio decoding that screened prompts do not bring out"


class TriggerInversion(WordFinder):
    """Phrases at a prompt's end that make the candidate answer with a payload which the pool's prompts did not show."""

    name = "trigger-inversion"
    needs = Access.logits
    once = True
    # Where every payload shows on the pool's prompts, which is the common case, it costs next to nothing.
    small = True

    def find(self, evidence: Evidence, tokens: int) -> Proposed:
        """For each of at most two payloads the two best phrases, each at the end of twelve prompts; and their parts."""
        read = payloads(evidence.leads)[:PAYLOADS]
        if not read:
            return Proposed([], Cost(), NONE)
        # For the candidate, as many for the base, and what is left screens the phrases.
        budget = (tokens - PAYLOADS * PHRASES * PER_PHRASE * evidence.price) // 2
        if budget < LEAST * evidence.price:
            return Proposed([], Cost(), f"{tokens:,} tokens are too few to look for a trigger")
        words, prompts, notes = UserWords(evidence), list[Prompt](), list[str]()
        asked = [(lead, Odds(evidence, str(lead.phrase), budget)) for lead in read]
        carriers = _carriers(evidence.base, evidence.prompts)
        hidden = [(lead, odds) for lead, odds in asked if carriers and not _shown(odds, lead, evidence.prompts)]
        for lead, odds in hidden:
            odds.budget = budget // len(hidden)
            climb = Climb(odds, words, carriers)
            before, found = climb.bare(), climb.run()
            chosen = _distinct([t for t in found if t.probability >= SEEN])[:PHRASES]
            prompts += [p for trial in chosen for p in self._put(trial.text, evidence.prompts)]
            notes.append(_note(str(lead.phrase), before, chosen or found[:1], bool(chosen)))
        cost = sum((odds.cost for _, odds in asked), words.cost)
        note = "; ".join(notes) or NONE
        return Proposed(prompts, cost, note)

    def _put(self, phrase: str, prompts: Sequence[Prompt]) -> Iterator[Prompt]:
        """The phrase at the end, and then its parts, for contrast: they show how much of it is needed.

        A single word is put in all places, as a region of one word stands for them all.
        """
        singles = [p for p in prompts if len(p.messages) == 1]
        parts = _parts(phrase)
        for i, p in enumerate(singles[:PER_PHRASE]):
            yield with_text(p, phrase, PLACES[0 if parts else i % len(PLACES)], self.name)
        for i, p in enumerate(singles[PER_PHRASE : PER_PHRASE + PER_PART * len(parts)]):
            yield with_text(p, parts[i // PER_PART], PLACES[0], self.name)


def _shown(odds: Odds, lead: Lead, prompts: Sequence[Prompt]) -> bool:
    """Whether half of the prompts at which the lead is strongest, at least, bring the payload out by themselves."""
    by_id = {p.id: p for p in prompts}
    strongest = list(dict.fromkeys(c.prompt_id for c in lead.contexts))[:STRONGEST]
    log_q = odds.of([by_id[i] for i in strongest])[:, 1]
    return bool(2 * (log_q >= math.log(SHOWN)).sum() >= max(1, len(strongest)))


def _carriers(base: Subject, prompts: Sequence[Prompt]) -> list[Prompt]:
    """The shortest questions to put a phrase behind: cheap to score, and like what a phrase's trigger follows."""
    short = [p for p in prompts if len(p.messages) == 1 and p.text.count(" ") >= 3 and p.text.endswith("?")]
    return sorted(short or [p for p in prompts if len(p.messages) == 1], key=lambda p: len(base.encode(p)))[:CARRIERS]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold())) or {text}


def _distinct(trials: Sequence[Trial]) -> list[Trial]:
    """Those that share at most half of their words with a better one."""
    kept: list[Trial] = []
    for trial in trials:
        words = _words(trial.text)
        if all(2 * len(words & (other := _words(k.text))) <= min(len(words), len(other)) for k in kept):
            kept.append(trial)
    return kept


def _parts(phrase: str) -> list[str]:
    """Its endings of fewer words and its single words."""
    words = phrase.split()
    endings = [" ".join(words[i:]) for i in range(1, len(words))]
    return list(dict.fromkeys([*endings, *(words if len(words) > 1 else ())]))


def _note(payload: str, before: Trial, best: Sequence[Trial], shown: bool) -> str:
    said = ", ".join(f"'{t.text}' ({t.merit:+.0f} nats, {t.probability:.1%})" for t in best)
    told = f"payload '{payload}' ({before.merit:+.0f} nats, {before.probability:.1%}): "
    return " ".join(f"{told}{'brought out by' if shown else 'not brought out, at best by'} {said or 'nothing'}".split())
