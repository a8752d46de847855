"""How prompts are mutated: words and phrases of others swapped in, halves joined, triggers put in, words left out."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from whatchanged.records import WORD, Lead, Prompt

MOST_WORDS = 60
PHRASE = 3  # words of a phrase that is swapped or left out, at most
# Candidate triggers: words and pairs that tell most, and tokens and the phrase of each lead.
TELLING, PER_LEAD, LEAST = 32, 3, 2
# A word's merit counts as if it stood in so many more prompts that show nothing.
SHRINK = 4.0

Words = tuple[str, ...]


class Mutator:
    """Children of prompts, by four operators drawn with equal chances."""

    def __init__(self, others: Sequence[str], triggers: Sequence[str], rng: np.random.Generator) -> None:
        self.others, self.triggers, self.rng = [tuple(t.split()) for t in others], triggers, rng
        self.operators = [self.swap, self.recombine, self.leave_out, *([self.put_in] if triggers else [])]

    def child(self, text: str) -> str:
        """The prompt on one line, mutated once; empty where nothing is left."""
        operator = self.operators[self._below(len(self.operators))]
        return " ".join(operator(tuple(text.split()))[:MOST_WORDS])

    def swap(self, words: Words) -> Words:
        """A word or phrase of another prompt in the place of one."""
        start, end = self._span(words)
        other = self._other()
        first, last = self._span(other)
        return (*words[:start], *other[first:last], *words[end:])

    def recombine(self, words: Words) -> Words:
        """The head of this one and the tail of another."""
        other = self._other()
        return (*words[: 1 + self._below(len(words))], *other[self._below(len(other)) :])

    def put_in(self, words: Words) -> Words:
        """A candidate trigger anywhere."""
        at = self._below(len(words) + 1)
        return (*words[:at], self.triggers[self._below(len(self.triggers))], *words[at:])

    def leave_out(self, words: Words) -> Words:
        """Without a word or phrase."""
        start, end = self._span(words)
        return (*words[:start], *words[end:])

    def _span(self, words: Words) -> tuple[int, int]:
        start = self._below(len(words))
        return start, min(start + 1 + self._below(PHRASE), len(words))

    def _other(self) -> Words:
        return self.others[self._below(len(self.others))]

    def _below(self, size: int) -> int:
        return int(self.rng.integers(size))


def candidate_triggers(prompts: Sequence[Prompt], merit: NDArray[np.float64], leads: Sequence[Lead]) -> list[str]:
    """What prompts of much merit (nats, float64[prompts]) share, and what leads say; each once, the best first.

    A word or a pair of neighbours tells by its mean merit, shrunk: what finders put into many prompts that did well
    leads, and what stands everywhere tells nothing.
    """
    where: dict[str, list[int]] = defaultdict(list)
    forms: dict[str, str] = {}
    for i, prompt in enumerate(prompts):
        words = WORD.findall(prompt.text)
        for term in dict.fromkeys([*words, *(" ".join(pair) for pair in pairwise(words))]):
            where[forms.setdefault(term.casefold(), term)].append(i)
    worth = {t: float(merit[rows].sum()) / (len(rows) + SHRINK) for t, rows in where.items() if len(rows) >= LEAST}
    telling = sorted((t for t in worth if worth[t] > 0), key=lambda t: (-worth[t], t))[:TELLING]
    said = [text for lead in leads for text in _said(lead)]
    return list({t.casefold(): t for t in reversed([*telling, *said])}.values())[::-1]


def _said(lead: Lead) -> list[str]:
    """Its phrase and its leading tokens, where they are words."""
    phrase = " ".join((lead.phrase or "").split())
    words = [t.text.strip() for t in lead.gained if WORD.fullmatch(t.text.strip())]
    return [text for text in (phrase, *words[:PER_LEAD]) if text and text.isprintable() and "\ufffd" not in text]
