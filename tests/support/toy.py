"""A subject small enough to know exactly: a Markov chain over a handful of tokens."""

from collections.abc import Sequence

import numpy as np
import torch

from whatchanged.records import Prompt
from whatchanged.subjects import Access, Context, Continue, Drawn, Ids, Rows, Subject, stream

END = 0
LETTERS = ".abcdefgh"


class ToyRows(Rows):
    def __init__(self, log_probs: torch.Tensor) -> None:
        self.table, self.count = log_probs, len(log_probs)

    def blocks(self):
        for start in range(0, self.count, 5):
            yield self.table[start : start + 5]

    def pick(self, rows: Sequence[int]) -> torch.Tensor:
        return self.table[list(rows)]


class ToySubject(Subject):
    """`table[i, j]` is P(next = j | last = i); token 0 ends a response. A prompt is its first letter."""

    access = Access.logits
    end_ids = frozenset({END})

    def __init__(self, table: np.ndarray, name: str = "toy") -> None:
        self.table = torch.tensor(table, dtype=torch.float64)
        self.name = name
        self.weights_id = self.fingerprint = f"{name}-{hash(table.tobytes())}"
        self.vocabulary = "toy"

    def encode(self, prompt: Prompt) -> Ids:
        return (LETTERS.index(prompt.text[0]),)

    def user_opening(self) -> Ids:
        return ()

    def tokenize(self, text: str) -> Ids:
        return tuple(LETTERS.index(letter) for letter in text)

    def detokenize(self, ids: Sequence[int]) -> str:
        return "".join(LETTERS[i] for i in ids)

    def score(self, contexts: Sequence[Context], temperature: float = 1.0, parts: int = 1) -> Rows:
        last = [t for c in contexts for t in (c.prompt + c.response)[len(c.prompt) - 1 + c.start :]]
        return ToyRows(torch.log_softmax(self.table[last].log() / temperature, -1).float())

    def sample(self, requests: Sequence[Continue], max_tokens: int, temperature: float = 1.0) -> list[Drawn]:
        return [self._draw(r, max_tokens, temperature) for r in requests]

    def _draw(self, request: Continue, max_tokens: int, temperature: float) -> Drawn:
        uniforms, said = stream(request.key), []
        last = (request.prompt + request.prefix)[-1]
        while len(request.prefix) + len(said) < request.full(max_tokens):
            cumulative = torch.softmax(self.table[last].log() / temperature, -1).cumsum(0)
            token = int(torch.searchsorted(cumulative, torch.tensor(uniforms.random(), dtype=torch.float64)))
            if token == END:
                return Drawn(tuple(said), END)
            said.append(token)
            last = token
        return Drawn(tuple(said), None)


def random_chain(seed: int, vocabulary: int = 5, sharpness: float = 1.0) -> np.ndarray:
    """A transition table with Dirichlet rows."""
    return np.random.default_rng(seed).dirichlet(np.full(vocabulary, sharpness), size=vocabulary)


def perturbed(table: np.ndarray, seed: int, size: float = 0.3) -> np.ndarray:
    """A neighbour of a chain: a mixture with another."""
    return (1 - size) * table + size * random_chain(seed, len(table))


def exact_response_law(table: np.ndarray, first: int, length: int) -> dict[tuple[int, ...], float]:
    """Probability of every response (ended by 0, or cut at `length` tokens) after a first token."""
    law: dict[tuple[int, ...], float] = {}

    def grow(prefix: tuple[int, ...], last: int, mass: float) -> None:
        if len(prefix) == length:
            law[prefix] = law.get(prefix, 0.0) + mass
            return
        for token, p in enumerate(table[last]):
            if token == END:
                law[(*prefix, END)] = law.get((*prefix, END), 0.0) + mass * p
            else:
                grow((*prefix, token), token, mass * p)

    grow((), first, 1.0)
    return law
