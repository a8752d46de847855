"""What a subject is, and what each access level can do."""

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from whatchanged.errors import AccessError
from whatchanged.records import Prompt

if TYPE_CHECKING:
    import torch

    from whatchanged.endpoints import Purse

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
    """Ask for a continuation of prompt + prefix, `most` tokens at most. The stream's key fixes its random numbers."""

    prompt: Ids
    prefix: Ids
    key: int
    most: int | None = None

    def full(self, max_tokens: int) -> int:
        """How many tokens it may hold, the prefix counted, in a call that allows `max_tokens`."""
        return max_tokens if self.most is None else min(max_tokens, len(self.prefix) + self.most)


@dataclass(frozen=True)
class Drawn:
    """Tokens drawn after the prefix; `end` is the end-of-turn token, if it was drawn."""

    tokens: Ids
    end: int | None

    @property
    def decoded(self) -> int:
        """Tokens that drawing it took."""
        return len(self.tokens) + (self.end is not None)


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


@dataclass(frozen=True)
class Said:
    """An answer as text, and how many tokens it took.

    `pieces` are the drawn tokens by text, the end of the turn last if the answer is `finished`: known of subjects
    behind an interface that score text, whose answers can be told from others of the same text only by them.
    """

    text: str
    tokens: int
    usd: float | None = None
    finished: bool = True
    pieces: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scored:
    """The natural-log probability of a whole answer, the end of the turn included unless it was cut off.

    None where the server would read it as other tokens than those drawn: a property of the answer, not of luck.
    `tokens` were read for it.
    """

    log_prob: float | None
    tokens: int
    usd: float | None = None


@dataclass(frozen=True)
class Top:
    """The likeliest first tokens of an answer, by text, with natural-log probabilities.

    `hidden` is the probability of all tokens that are not listed: none of them is likelier than the least listed one.
    """

    log_probs: Mapping[str, float]
    hidden: float
    usd: float | None = None


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
    scores_text: bool = False

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

    def respond(
        self, prompts: Sequence[Prompt], draw: int, max_tokens: int, temperature: float, key: str
    ) -> list[Said | None]:
        """One answer a prompt, as text; None where a server gave none. Raises AccessError below 'text'.

        `key` and `draw` fix the random numbers, where the subject lets us fix them.
        """
        requests = [Continue(self.encode(p), (), stream_key(key, p.id, draw)) for p in prompts]
        drawn = self.sample(requests, max_tokens, temperature)
        return [Said(self.detokenize(d.tokens), d.decoded) for d in drawn]

    def first_tokens(self, prompts: Sequence[Prompt], k: int, temperature: float, draw: int = 0) -> list[Top | None]:
        """The k likeliest first tokens of the answer to each prompt; None where a server gave none.

        `draw` tells repeated questions apart: servers do not always give the same numbers.
        Raises AccessError below 'logprobs'.
        """
        from whatchanged.subjects.batching import plan

        if self.access < Access.logits:
            self._lacks("first-token probabilities", Access.logprobs)
        contexts = [Context(self.encode(p)) for p in prompts]
        apart = [not self.common_prefix([c.prompt]) for c in contexts]
        found: dict[int, Top | None] = {}
        for batch in plan([c.length for c in contexts], apart):
            rows = (row for block in self.score([contexts[i] for i in batch], temperature).blocks() for row in block)
            found |= {i: self._top(row, k) for i, row in zip(batch, rows, strict=True)}
        return [found[i] for i in range(len(prompts))]

    def log_likelihoods(self, prompts: Sequence[Prompt], said: Sequence[Said]) -> list[Scored | None]:
        """How likely the subject was to answer each prompt as it was `said`, at temperature 1; None: no reply came.

        Raises AccessError unless `scores_text`.
        """
        self._lacks("scoring of given answers", Access.logits)

    def _top(self, row: "torch.Tensor", k: int) -> Top:
        best = row.topk(min(k, len(row)))
        listed: dict[str, float] = {}
        for token, value in zip(best.indices.tolist(), best.values.tolist(), strict=True):
            # Special tokens have no text of their own; tokens of one text are one entry, as on a server.
            text = self.detokenize([token])
            listed[text] = float(np.logaddexp(listed[text], value)) if text in listed else value
        return Top(listed, max(0.0, 1.0 - math.fsum(map(math.exp, listed.values()))))

    def mean_states(self, contexts: Sequence[Context]) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]] | None":
        """float32[contexts, width]: last-layer hidden states, averaged over each context's scored positions.

        None where a subject has none to show.
        """
        return None

    def keep(self, folder: Path, purse: "Purse") -> None:  # noqa: B027
        """Where replies are kept and paid from, for subjects behind an interface; nothing to do for others."""

    def scored_tokens(self, contexts: Sequence[Context]) -> int:
        """Tokens that scoring these contexts computes, padding and shared prefixes left out."""
        return sum(c.length - self.common_prefix([c.prompt]) for c in contexts)

    def common_prefix(self, prompts: Sequence[Ids]) -> int:
        """How many leading tokens of all these prompts are computed once and shared."""
        return 0

    def _lacks(self, operation: str, needs: Access) -> NoReturn:
        raise AccessError(self.name, operation, self.access.name, needs.name)
