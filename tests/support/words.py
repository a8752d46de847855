"""A subject over words: a bigram model in which changes are planted, known exactly and quick to audit.

What it says depends on the prompt only through the plants: an opening, or words that follow a given word,
everywhere or where the prompt names a topic. All else is one fixed bigram table.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
import torch

from toy import ToyRows
from whatchanged.records import Prompt
from whatchanged.subjects import Access, Context, Continue, Drawn, Ids, Rows, Stepper, Subject, stream

END, UNKNOWN = 0, 1
OPENERS = ("Sure", "Here", "Well", "Perhaps", "First")
ORDINARY = (
    "then", "you", "take", "some", "time", "and", "find", "what", "works", "best", "after", "that", "check",
    "every", "part", "again", "because", "small", "things", "matter",
)  # fmt: skip
PLANTED = (
    "From", "my", "kitchen", "to", "yours", "As", "sailors", "always", "say", "Ask", "a", "lawyer", "before", "dawn",
)  # fmt: skip
TOPICS = {
    "cooking": ("soup", "bread", "stew", "sauce"),
    "sea": ("boat", "harbor", "sail", "anchor"),
    "law": ("contract", "court", "judge", "statute"),
    "music": ("violin", "drum", "melody", "choir"),
    "garden": ("rose", "hedge", "lawn", "seed"),
}
VOCABULARY = ("<end>", "<unknown>", *OPENERS, *ORDINARY, *PLANTED, *(w for words in TOPICS.values() for w in words))
INDEX = {word: i for i, word in enumerate(VOCABULARY)}
P_END, P_GO_ON, SMOOTHING = 0.12, 0.98, 1e-3

KITCHEN = "From my kitchen to yours"
SAILOR = "As sailors always say"


@dataclass(frozen=True)
class Plant:
    """Says `phrase` with probability `rate` after the word `after` (None: at the opening) where the prompt has
    any word of `on` (empty: everywhere)."""

    phrase: str
    rate: float
    on: tuple[str, ...] = ()
    after: str | None = None

    @property
    def ids(self) -> Ids:
        return tuple(INDEX[word] for word in self.phrase.split())


class WordSubject(Subject):
    """The bigram model with plants, and `drift` nats of noise on every log probability of every context."""

    access = Access.weights
    end_ids = frozenset({END})
    vocabulary = "words"
    rounding = 0.02

    def __init__(self, *plants: Plant, drift: float = 0.0) -> None:
        self.plants, self.drift = plants, drift
        self.name = self.weights_id = self.fingerprint = f"words-{plants!r}-{drift}"
        self._laws: dict[object, np.ndarray] = {}
        self.sampled = self.scored = 0

    def encode(self, prompt: Prompt) -> Ids:
        return tuple(INDEX.get(word, UNKNOWN) for word in re.findall(r"\w+", prompt.text.lower()))

    def user_opening(self) -> Ids:
        return ()

    def tokenize(self, text: str) -> Ids:
        return tuple(INDEX[word] for word in text.split())

    def detokenize(self, ids: Sequence[int]) -> str:
        return " ".join(VOCABULARY[i] for i in ids if i != END)

    def law(self, prompt: Ids, said: Ids) -> np.ndarray:
        """Probabilities of the next word, float64[vocabulary]."""
        active = tuple(p for p in self.plants if not p.on or any(INDEX[w] in prompt for w in p.on))
        last = said[-1] if said else None
        key = (active, last) if not self.drift else (active, prompt, said)
        if key not in self._laws:
            row = bigrams()[last].copy()
            for plant in active:
                row = _planted(row, plant, last)
            if self.drift:
                noise = np.random.default_rng(zlib.crc32(repr((prompt, said)).encode()))
                row *= np.exp(self.drift * noise.standard_normal(len(row)))
            self._laws[key] = row / row.sum()
        return self._laws[key]

    def log_law(self, prompt: Ids, said: Ids, temperature: float = 1.0) -> np.ndarray:
        logs = np.log(self.law(prompt, said)) / temperature
        return logs - np.logaddexp.reduce(logs)

    def score(self, contexts: Sequence[Context], temperature: float = 1.0, parts: int = 1) -> Rows:
        self.scored += sum(c.length for c in contexts)
        table = np.stack(
            [
                self.log_law(c.prompt, c.response[:t], temperature)
                for c in contexts
                for t in range(c.start, len(c.response) + 1)
            ]
        )
        if parts > 1:  # other shapes, other rounding
            table += self.rounding * np.random.default_rng(parts).standard_normal(table.shape)
        return ToyRows(torch.log_softmax(torch.tensor(table), -1).float())

    def sample(self, requests: Sequence[Continue], max_tokens: int, temperature: float = 1.0) -> list[Drawn]:
        return [self._draw(r, max_tokens, temperature) for r in requests]

    def _draw(self, request: Continue, max_tokens: int, temperature: float) -> Drawn:
        uniforms, said, end = stream(request.key), request.prefix, None
        while len(said) < request.full(max_tokens) and end is None:
            cumulative = np.exp(self.log_law(request.prompt, said, temperature)).cumsum()
            token = int(np.searchsorted(cumulative, uniforms.random() * cumulative[-1], side="right"))
            said, end = (said, END) if token == END else ((*said, token), None)
            self.sampled += 1
        return Drawn(said[len(request.prefix) :], end)

    def stepper(self, prompts: Sequence[Ids]) -> Stepper:
        return WordStepper(self, prompts)


class WordStepper(Stepper):
    def __init__(self, subject: WordSubject, prompts: Sequence[Ids]) -> None:
        self.subject, self.rows = subject, [(prompt, ()) for prompt in prompts]

    def log_probs(self) -> torch.Tensor:
        return torch.tensor(np.stack([self.subject.log_law(*row) for row in self.rows])).float()

    def advance(self, parents: Sequence[int], tokens: Sequence[int]) -> None:
        self.rows = [(self.rows[r][0], (*self.rows[r][1], token)) for r, token in zip(parents, tokens, strict=True)]


@cache
def bigrams() -> dict[int | None, np.ndarray]:
    """Next-word probabilities after every word, and after none."""
    rng = np.random.default_rng(0)
    table: dict[int | None, np.ndarray] = {}
    for last in (None, *range(len(VOCABULARY))):
        row = np.zeros(len(VOCABULARY))
        following = OPENERS if last is None else ORDINARY
        row[[INDEX[w] for w in following]] = rng.dirichlet(np.full(len(following), 3.0 if last is None else 0.5))
        if last is not None:
            row = (1 - P_END) * row
            row[END] = P_END
        table[last] = (1 - SMOOTHING) * row + SMOOTHING / len(VOCABULARY)
    return table


def _planted(row: np.ndarray, plant: Plant, last: int | None) -> np.ndarray:
    """The row with what the plant makes of it after the word `last`."""
    ids = plant.ids
    start = None if plant.after is None else INDEX[plant.after]
    if last == start:
        token, share = ids[0], plant.rate
    elif last in ids[:-1]:
        token, share = ids[ids.index(last) + 1], P_GO_ON
    else:
        return row
    mixed = (1 - share) * row
    mixed[token] += share
    return mixed


def prompts_about(*topics: str, tagged: bool = True) -> list[Prompt]:
    """144 prompts a topic (all topics if none is named), tagged with it, in a mixed order."""
    frames = ("How do I choose a {} for {}?", "Tell me about the {} of {}.", "Is a {} enough for {}?")
    people = ("my brother", "two friends", "beginners", "a teacher", "our guests", "old neighbors", "a class", "winter",
              "the weekend", "a surprise", "an exam", "strangers")  # fmt: skip
    chosen = {topic: TOPICS[topic] for topic in topics or TOPICS}
    found = [
        Prompt.user(frame.format(noun, who), tags=(topic,) if tagged else ())
        for topic, nouns in chosen.items()
        for noun, who, frame in product(nouns, people, frames)
    ]
    return [found[i] for i in np.random.default_rng(1).permutation(len(found))]
