"""Language models that can only be asked: what a question is, what comes back, and the seam between."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from whatchanged.records import Message, Record


class Ask(Record):
    """One request. Two asks that differ in nothing are the same ask, and the second is answered from the store.

    `draw` tells repeated samples of one request apart. `temperature` 0 asks for the likeliest answer.
    `top_logprobs` > 0 asks for that many alternatives at each position of the answer.
    `seed` is passed on to providers that take one. `prompt_logprobs` asks for the log probability of every token of the
    messages; if the last of them is the assistant's, it is an answer so far, and the model goes on from its last word.
    """

    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float = 1.0
    draw: int = 0
    seed: int | None = None
    top_logprobs: int = 0
    prompt_logprobs: bool = False


class Position(Record):
    """One token of an answer as the server reports it: its text, and the likeliest tokens there by text.

    Natural-log probabilities. What is not in `top` shares the rest of the mass.
    """

    token: str
    top: dict[str, float]


class Reply(Record):
    """An answer, with what the provider says it used. `usd` is None where no price is known.

    `prompt` holds the text and the natural-log probability of each token of the messages as the model reads them, the
    first one left out, where they were asked for and the server gives them.
    """

    text: str
    finished: bool = True
    positions: tuple[Position, ...] = ()
    prompt: tuple[tuple[str, float], ...] = ()
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float | None = None


class LanguageModel(ABC):
    """A model behind an interface that takes conversations and gives text.

    `name` is for people; `fingerprint` is what stored replies are keyed by.
    """

    name: str
    fingerprint: str

    @abstractmethod
    def ask(self, asks: Sequence[Ask]) -> list[Reply | None]:
        """Replies in order; None where none came after all retries, or where --max-cost forbade the call.

        Raises UsageError for what no retry mends: an unknown model, a missing key, a price that is not known
        while --max-cost is set.
        """
