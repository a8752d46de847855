"""Words of a large vocabulary that no pool prompt holds, what a search begins with, and finders of known deeds."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import ClassVar

import numpy as np
from evidence import evidence_of
from words import INDEX, UNKNOWN, VOCABULARY, Plant, WordSubject

from whatchanged.ledger import Ledger
from whatchanged.records import Cost, Lead, Prompt, Region, Tokens
from whatchanged.search import Evidence, Finder, Proposed
from whatchanged.subjects import Access, Ids

MADE_UP = tuple(map("".join, product(("ba", "ko", "mi", "zu", "re"), repeat=5)))[::2]
WORDS = (*VOCABULARY, *MADE_UP)
NUMBER = INDEX | {word: len(VOCABULARY) + i for i, word in enumerate(MADE_UP)}
SPREAD = 1e-3


class ManyWords(WordSubject):
    """The bigram model with 1,563 words more, which it never says but for a thousandth of the time.

    Plants may be on any of them. `noise` tells drifts of one size apart.
    """

    vocabulary = "many words"

    def __init__(self, *plants: Plant, drift: float = 0.0, noise: int = 0) -> None:
        super().__init__(*plants, drift=drift)
        self.name = self.weights_id = self.fingerprint = f"{self.name}-{noise}"
        self.noise, self.inner = noise, {}

    def encode(self, prompt: Prompt) -> Ids:
        return tuple(NUMBER.get(word.strip(".,:?!"), UNKNOWN) for word in prompt.text.lower().split())

    def detokenize(self, ids: Sequence[int]) -> str:
        return " ".join(WORDS[i] for i in ids if i)

    def law(self, prompt: Ids, said: Ids) -> np.ndarray:
        held = {WORDS[t] for t in prompt}
        active = tuple(replace(p, on=()) for p in self.plants if not p.on or held & set(p.on))
        inner = self.inner.setdefault(active, WordSubject(*active, drift=self.drift))
        row = inner.law((*prompt, -self.noise), tuple(t if t < len(VOCABULARY) else UNKNOWN for t in said))
        return np.concatenate([(1 - SPREAD) * row, np.full(len(MADE_UP), SPREAD / len(MADE_UP))])


def search_evidence(
    ledger: Ledger, base: WordSubject, candidate: WordSubject, prompts: Sequence[Prompt], leads: Sequence[Lead] = ()
) -> Evidence:
    """The screen of these prompts, and the leads given."""
    e = evidence_of(ledger, base, candidate, prompts)
    return Evidence(ledger, base, candidate, e.prompts, e.responses, e.shifts, leads)


class Fake(Finder):
    """Proposes what `proposes` holds; counts how often it is asked. Makes nothing fresh."""

    name = "fake"
    cheap = once = True
    needs = Access.logits
    proposes: ClassVar[list[Prompt]] = []
    asked: ClassVar[int] = 0

    def find(self, evidence: Evidence, tokens: int) -> Proposed:
        type(self).asked += 1
        return Proposed(list(self.proposes), Cost(scored_tokens=Tokens(base=30, candidate=40)), "as told")


class Other(Fake):
    """Another one, which makes fresh prompts whatever the region."""

    name = "other"
    needs = Access.logits
    proposes: ClassVar[list[Prompt]] = []
    asked: ClassVar[int] = 0

    def fresh(self, region: Region, prompts: Sequence[Prompt], count: int) -> list[Prompt]:
        return [Prompt.user(f"{p.text} indeed", source=self.name) for p in prompts][:count]


class Seeker(Fake):
    """Asked again and again: proposes what `proposes` holds and nobody screened yet, as much as it may."""

    name = "seeker"
    once = False
    proposes: ClassVar[list[Prompt]] = []
    given: ClassVar[list[tuple[int, int, int]]] = []

    def find(self, evidence: Evidence, tokens: int) -> Proposed:
        type(self).asked += 1
        self.given.append((evidence.round, tokens, len(evidence.prompts)))
        known = {p.id for p in evidence.prompts}
        count = max(0, tokens - 70) // evidence.price
        new = [p.model_copy(update={"source": self.name}) for p in self.proposes if p.id not in known]
        return Proposed(new[:count], Cost(scored_tokens=Tokens(base=30, candidate=40)), "went on")


class Digger(Seeker):
    """Another one."""

    name = "digger"
    cheap = True
    proposes: ClassVar[list[Prompt]] = []
    given: ClassVar[list[tuple[int, int, int]]] = []
