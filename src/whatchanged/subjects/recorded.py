"""A model of which only a log is left: it can be asked nothing."""

from collections.abc import Sequence

from whatchanged.records import Prompt
from whatchanged.subjects.base import Access, Ids, Subject


class RecordedSubject(Subject):
    """Stands for the model behind a log. Every operation raises AccessError: what is recorded is all there is."""

    access = Access.recorded
    vocabulary = ""
    end_ids: frozenset[int] = frozenset()

    def __init__(self, name: str, digest: str) -> None:
        self.name = name
        self.fingerprint = self.weights_id = digest

    def encode(self, prompt: Prompt) -> Ids:
        """Raises AccessError."""
        self._lacks("tokens", Access.logits)

    def user_opening(self) -> Ids:
        """Raises AccessError."""
        self._lacks("tokens", Access.logits)

    def tokenize(self, text: str) -> Ids:
        """Raises AccessError."""
        self._lacks("tokens", Access.logits)

    def detokenize(self, ids: Sequence[int]) -> str:
        """Raises AccessError."""
        self._lacks("tokens", Access.logits)
