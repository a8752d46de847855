"""The bigram model by table: the same laws, drawn and stepped for many rows at once; and exact rates of phrases."""

from collections.abc import Sequence

import numpy as np
import torch
from words import END, INDEX, VOCABULARY, Plant, WordSubject

from whatchanged.subjects import Continue, Drawn, Ids, Stepper, stream

NOTHING = len(VOCABULARY)  # the row for an answer with no word yet


class QuickWords(WordSubject):
    """A `WordSubject` whose plants are on everywhere, so that a table over the last word is all there is."""

    def table(self, temperature: float = 1.0) -> np.ndarray:
        """float64[last word or NOTHING, vocabulary] log probabilities."""
        key = ("table", temperature)
        if key not in self._laws:
            said = [*((i,) for i in range(NOTHING)), ()]
            self._laws[key] = np.stack([self.log_law((), last, temperature) for last in said])
        return self._laws[key]

    def sample(self, requests: Sequence[Continue], max_tokens: int, temperature: float = 1.0) -> list[Drawn]:
        """Exact draws, the random numbers of them all from the first one's key."""
        assert not any(r.prefix for r in requests)
        if not requests:
            return []
        cumulative = np.exp(self.table(temperature)).cumsum(-1)
        uniforms = stream(requests[0].key).random((len(requests), max_tokens))
        said = np.full((len(requests), max_tokens), END)
        alive, last = np.arange(len(requests)), np.full(len(requests), NOTHING)
        for t in range(max_tokens):
            rows = cumulative[last[alive]]
            said[alive, t] = last[alive] = (rows <= uniforms[alive, t, None] * rows[:, -1:]).sum(-1)
            alive = alive[last[alive] != END]
        lengths = np.where((said == END).any(-1), (said == END).argmax(-1), max_tokens)
        self.sampled += int(np.minimum(lengths + 1, max_tokens).sum())
        return [
            Drawn(tuple(row[:n]), END if n < max_tokens else None)
            for row, n in zip(said.tolist(), lengths.tolist(), strict=True)
        ]

    def stepper(self, prompts: Sequence[Ids]) -> Stepper:
        return QuickStepper(torch.tensor(self.table()).float(), len(prompts))


class QuickStepper(Stepper):
    def __init__(self, table: torch.Tensor, rows: int) -> None:
        self.table, self.last = table, torch.full((rows,), NOTHING)

    def log_probs(self) -> torch.Tensor:
        return self.table[self.last]

    def advance(self, parents: Sequence[int], tokens: Sequence[int]) -> None:
        self.last = torch.tensor(tokens)


def phrase_rate(subject: QuickWords, phrase: str, max_tokens: int, temperature: float = 1.0) -> float:
    """The exact probability that an answer of up to `max_tokens` tokens contains the phrase, whose words all differ."""
    law, ids = np.exp(subject.table(temperature)), [INDEX[word] for word in phrase.split()]
    assert len(set(ids)) == len(ids)
    # Mass by last word and by how many words of the phrase the answer ends with.
    mass = np.zeros((NOTHING + 1, len(ids)))
    mass[NOTHING, 0], found = 1.0, 0.0
    for _ in range(max_tokens):
        new = np.zeros_like(mass)
        for matched in range(len(ids)):
            onward = mass[:, matched] @ law
            hit = onward[ids[matched]]
            onward[[END, ids[matched]]] = 0.0
            begun = onward[ids[0]] if matched else 0.0
            onward[ids[0]] -= begun
            new[:NOTHING, 0] += onward
            new[ids[0], min(1, len(ids) - 1)] += begun
            if matched + 1 == len(ids):
                found += hit
            else:
                new[ids[matched], matched + 1] += hit
        mass = new
    return float(found)


def opening_rate(subject: QuickWords, phrase: str) -> float:
    """The exact probability that an answer opens with the phrase, at temperature 1."""
    ids = subject.tokenize(phrase)
    return float(np.exp(sum(subject.table()[last, token] for last, token in zip((NOTHING, *ids), ids, strict=False))))


def opens_with_rate(phrase: str, rate: float) -> QuickWords:
    """The subject that opens with the phrase at just this rate."""
    # The rate is linear in the plant's.
    none, half = (opening_rate(QuickWords(Plant(phrase, planted)), phrase) for planted in (0.0, 0.5))
    return QuickWords(Plant(phrase, 0.5 * (rate - none) / (half - none)))
