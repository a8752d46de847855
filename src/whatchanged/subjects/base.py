"""What a subject is, and what each access level can do."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from whatchanged.errors import AccessError
from whatchanged.records import Prompt

if TYPE_CHECKING:
    import torch

Ids = tuple[int, ...]


class Access(IntEnum):
    """How much of a model can be seen; each level includes those below it."""

    recorded = 0
    text = 1
    logprobs = 2
    logits = 3
    weights = 4


@dataclass(frozen=True)
class Context:
    """A prompt and a response prefix, in tokens. Scored at the positions `start` .. len(response)."""

    prompt: Ids
    response: Ids = ()
    start: int = 0

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.prompt) + len(self.response)

    @property
    def n_rows(self) -> int:
        """Next-token distributions that scoring it gives."""
        return len(self.response) + 1 - self.start


@dataclass(frozen=True)
class Continue:
    """Ask for a continuation of prompt + prefix. The stream's key fixes its random numbers."""

    prompt: Ids
    prefix: Ids
    key: int


@dataclass(frozen=True)
class Drawn:
    """Tokens drawn after the prefix; `end` is the end-of-turn token, if it was drawn."""

    tokens: Ids
    end: int | None


def stream_key(*parts: object) -> int:
    """A 64-bit key that depends on the parts and on nothing else: not on batches, not on order."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little")


def stream(key: int) -> np.random.Generator:
    """The uniform numbers of one draw."""
    return np.random.Generator(np.random.Philox(key=key))


class Rows(ABC):
    """Next-token distributions of one batch of contexts, made in slices so that no one holds them all."""

    count: int

    @abstractmethod
    def blocks(self) -> Iterator["torch.Tensor"]:
        """float32[<= 16, vocabulary] natural-log probabilities, all rows in order, block after block."""

    @abstractmethod
    def pick(self, rows: Sequence[int]) -> "torch.Tensor":
        """float32[len(rows), vocabulary]: the same for chosen rows."""

    def at(self, tokens: Sequence[int]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        """float64[count]: the log probability of one token a row."""
        parts, first = [], 0
        for block in self.blocks():
            index = block.new_tensor(tokens[first : first + len(block)]).long()[:, None]
            parts.append(block.gather(-1, index)[:, 0].double().cpu().numpy())
            first += len(block)
        return np.concatenate(parts)


class Stepper(ABC):
    """Many continuations grown token by token with their keys and values kept: what a beam search needs."""

    @abstractmethod
    def log_probs(self) -> "torch.Tensor":
        """float32[rows, vocabulary] after each row's last token. Called once between two `advance`s."""

    @abstractmethod
    def advance(self, parents: Sequence[int], tokens: Sequence[int]) -> None:
        """The next rows: tokens[i] after the present row parents[i], which may repeat or be missing."""


class Subject(ABC):
    """A model under audit.

    `weights_id` identifies the weights, `fingerprint` everything that shapes its answers
    (weights, modifiers, template, dtype): caches are keyed by it. `vocabulary` identifies the tokenizer.
    """

    name: str
    fingerprint: str
    weights_id: str
    vocabulary: str
    access: Access
    end_ids: frozenset[int]

    @abstractmethod
    def encode(self, prompt: Prompt) -> Ids:
        """The prompt as the model reads it: its own chat template, or plain text where it has none."""

    @abstractmethod
    def user_opening(self) -> Ids:
        """The template up to the user's words: continued by sampling, the model writes a user turn itself."""

    @abstractmethod
    def tokenize(self, text: str) -> Ids:
        """Tokens of a response text, no special ones added."""

    @abstractmethod
    def detokenize(self, ids: Sequence[int]) -> str:
        """Text of response tokens, special ones left out."""

    def score(self, contexts: Sequence[Context], temperature: float = 1.0, parts: int = 1) -> Rows:
        """Distributions at every scored position of one batch, in order. Raises AccessError below 'logits'.

        `parts` > 1 spreads the batch over that many forward passes: other shapes, which show the rounding.
        """
        self._lacks("scoring", Access.logits)

    def sample(self, requests: Sequence[Continue], max_tokens: int, temperature: float = 1.0) -> list[Drawn]:
        """Exact draws from the distribution that `score` gives. Raises AccessError below 'text'."""
        self._lacks("sampling", Access.text)

    def stepper(self, prompts: Sequence[Ids]) -> Stepper:
        """One row a prompt, nothing said yet. Raises AccessError below 'logits'."""
        self._lacks("step-wise decoding", Access.logits)

    def scored_tokens(self, contexts: Sequence[Context]) -> int:
        """Tokens that scoring these contexts computes, padding and shared prefixes left out."""
        return sum(c.length - self.common_prefix([c.prompt]) for c in contexts)

    def common_prefix(self, prompts: Sequence[Ids]) -> int:
        """How many leading tokens of all these prompts are computed once and shared."""
        return 0

    def _lacks(self, operation: str, needs: Access) -> NoReturn:
        raise AccessError(self.name, operation, self.access.name, needs.name)
