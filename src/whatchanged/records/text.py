"""What is asked and what is answered: prompts, responses, pairs."""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from typing import Literal, Self

from whatchanged.records.base import Record


class Message(Record):
    """One turn of a conversation, as in the OpenAI chat format."""

    role: Literal["system", "user", "assistant"]
    content: str


class Prompt(Record):
    """A conversation that awaits the assistant's next turn.

    `tags` name the categories it is counted under (coverage) and that regions may use;
    `source` says which pool or finder it came from.
    """

    messages: tuple[Message, ...]
    tags: tuple[str, ...] = ()
    source: str = ""

    @cached_property
    def id(self) -> str:
        """16 hex digits of the SHA-256 of the messages: the same words are the same prompt."""
        payload = json.dumps([[m.role, m.content] for m in self.messages], ensure_ascii=False)
        return hashlib.sha256(payload.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @cached_property
    def text(self) -> str:
        """The user's words, all turns joined by newlines: what regions look at."""
        return "\n".join(m.content for m in self.messages if m.role == "user")

    @classmethod
    def user(cls, text: str, tags: tuple[str, ...] = (), source: str = "") -> "Prompt":
        """A single user turn."""
        return cls(messages=(Message(role="user", content=text),), tags=tags, source=source)


class Response(Record):
    """One sampled answer.

    `tokens` excludes the end-of-turn token; `finished` says that one was drawn, `end` which.
    """

    prompt_id: str
    draw: int
    tokens: tuple[int, ...]
    text: str
    finished: bool
    end: int | None = None

    @classmethod
    def undrawn(cls, prompt_id: str) -> Self:
        """No answer: of the prompt only the place where one would begin is looked at."""
        return cls(prompt_id=prompt_id, draw=0, tokens=(), text="", finished=False)

    @property
    def drawn(self) -> tuple[int, ...]:
        """Every token that was drawn, the end-of-turn token included."""
        return self.tokens if self.end is None else (*self.tokens, self.end)


class Pair(Record):
    """A base response and a candidate response to one prompt, sharing their random numbers if `coupled`.

    `split_at` is the position of the first token at which they part (of the first character, where only texts are
    known); None when they are identical.
    """

    prompt_id: str
    draw: int
    base: Response
    candidate: Response
    split_at: int | None
    coupled: bool = True

    @property
    def identical(self) -> bool:
        """True when both models gave the same answer, token for token where tokens are known."""
        return self.split_at is None


def first_difference(a: Sequence[object], b: Sequence[object]) -> int:
    """Where the two first differ; the shorter one's length when the other only goes on."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
