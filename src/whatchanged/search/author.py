"""Who else can write prompts: a language model, seen from here as what it wrote. `whatchanged.roles` plays the part."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from whatchanged.records import Cost, Lead
from whatchanged.report.numbers import plural


class Authored(NamedTuple):
    """User messages that a language model wrote, how many parts of its reply were none, and what asking it cost."""

    texts: list[str]
    dropped: int
    cost: Cost

    @property
    def told(self) -> str:
        """What came of asking, in words."""
        if not self.cost.calls:
            return "the reasoner gave no reply"
        dropped = f", {self.dropped} entries of its reply were none and dropped" if self.dropped else ""
        return f"the reasoner wrote {plural(len(self.texts), 'message', 'messages')}{dropped}"


class Author(Protocol):
    """A language model that writes user messages. The same question gets the same answer; where no reply comes, no text
    does, and it costs no call."""

    def differing(self, leads: Sequence[Lead], most: int) -> Authored:
        """At most `most` messages to which it expects the two models to answer differently, having seen the leads."""

    def rewritten(self, texts: Sequence[str], draw: int) -> Authored:
        """At most one other wording of each of these messages. `draw` tells repeated questions apart."""
