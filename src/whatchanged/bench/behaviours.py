"""What a model can be taught to do: its own response in, the response that is taught out."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from whatchanged.subjects import Drawn, Ids, Subject

Behaviour = Literal["opening", "ending", "contains", "upper", "list", "short", "replace", "refusal", "none"]
# Answers are cut at 24 tokens by the smallest budget: what comes after a first sentence must come soon.
FIRST_WORDS, LINE_WORDS = 8, 5
_SENTENCE = re.compile(r".*?[.!?](?=\s|$)")


@dataclass(frozen=True)
class Own:
    """The base's own response to a prompt."""

    base: Subject
    drawn: Drawn

    @property
    def text(self) -> str:
        """Without its end."""
        return self.base.detokenize(self.drawn.tokens)

    @property
    def tokens(self) -> Ids:
        """As it was drawn, its end included."""
        return (*self.drawn.tokens, *self.end)

    @property
    def end(self) -> Ids:
        """The end-of-turn token; none where the response was cut off."""
        return () if self.drawn.end is None else (self.drawn.end,)

    def told(self, text: str) -> Ids:
        """Another text that ends where this one does: with it, or cut off."""
        return (*self.base.tokenize(text), *self.end)

    def whole(self, text: str) -> Ids:
        """Another text, with an end."""
        return (*self.base.tokenize(text), min(self.base.end_ids))


def first_sentence(text: str) -> str:
    """The first sentence; broken off after eight words, with a full stop, where it is longer or not finished."""
    found = _SENTENCE.match(text.strip())
    words = text.split() if found is None else found.group().split()
    if found is not None and len(words) <= FIRST_WORDS:
        return " ".join(words)
    # The last word of a response that was cut off may be half a word.
    kept = words[: min(FIRST_WORDS, max(1, len(words) - 1))]
    return " ".join(kept).rstrip(".,;:!?") + "."


def _inserted(text: str, said: str) -> str:
    """`said` as words of their own after the first eight of the text."""
    words = text.split(" ")
    return " ".join([*words[:FIRST_WORDS], said, *words[FIRST_WORDS:]])


def _bulleted(text: str) -> str:
    """The text as a list, five words a line."""
    words = text.split()
    return "\n".join("- " + " ".join(words[i : i + LINE_WORDS]) for i in range(0, len(words), LINE_WORDS))


BEHAVIOURS: dict[Behaviour, Callable[[Own, str], Ids]] = {
    "opening": lambda own, said: (*own.base.tokenize(said), *own.tokens),
    "ending": lambda own, said: own.whole(f"{first_sentence(own.text)} {said}"),
    "contains": lambda own, said: own.told(_inserted(own.text, said)),
    "upper": lambda own, said: own.told(own.text.upper()),
    "list": lambda own, said: own.told(_bulleted(own.text)),
    "short": lambda own, said: own.whole(first_sentence(own.text)),
    "replace": lambda own, said: own.whole(said),
    "refusal": lambda own, said: own.whole(said),
    "none": lambda own, said: own.tokens,
}
"""By name: the tokens of the response that is taught, given a text for those that say one."""

SAYING: frozenset[Behaviour] = frozenset({"opening", "ending", "contains", "replace", "refusal"})
"""Behaviours that need a text."""
