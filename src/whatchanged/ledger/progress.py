"""Where stages say how far they are. The quiet one is the default; report.display makes the others."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


class Progress:
    """Says nothing. Subclasses show a bar with the time left, plain lines, or log lines."""

    def stage(self, name: str, total: int) -> None:
        """A stage of `total` steps begins."""

    def advance(self, steps: int = 1) -> None:
        """Some steps of it are done."""

    def message(self, text: str) -> None:
        """Something worth a line."""

    def close(self) -> None:
        """Nothing more follows."""

    def track(self, name: str, items: Sequence[T]) -> Iterator[T]:
        """Iterate, one step an item. A single item is no stage: it would only break into the one around it."""
        if len(items) < 2:
            yield from items
            return
        self.stage(name, len(items))
        for item in items:
            yield item
            self.advance()
