"""--max-cost: no call is made that could pass it."""

import threading
from collections.abc import Sequence
from pathlib import Path

from whatchanged.records import Message

# What a chat template adds, at most: role and end marks a message, a system message that is put in front unasked.
TOKENS_A_MESSAGE = 8
TOKENS_A_PROMPT = 64


def most_tokens(messages: Sequence[Message]) -> int:
    """An upper bound of the tokens of a prompt: no token of a text is shorter than a byte of its UTF-8."""
    size = sum(len(m.content.encode("utf-8", "surrogatepass")) for m in messages)
    return size + TOKENS_A_MESSAGE * len(messages) + TOKENS_A_PROMPT


class Purse:
    """US dollars that a run may spend; one purse serves all its models and threads.

    Before a call the most that it can cost is set aside; afterwards the real price takes its place. `empty` says that
    a call was refused. What a provider bills for an answer that never arrived is not known here.
    """

    def __init__(self, max_cost: float | None, marker: Path | None = None) -> None:
        self.max_cost = max_cost
        # A resumed run must know that calls were refused, though it makes them no more.
        self._marker = marker
        self.empty = marker is not None and marker.exists()
        self.spent = 0.0
        self._aside = 0.0
        self._under_way = 0
        self._paid: set[str] = set()
        self._lock = threading.Lock()

    @property
    def refusal(self) -> str | None:
        """The limit that stopped calls, in words, or None."""
        return f"--max-cost {self.max_cost:g}" if self.empty else None

    def reserve(self, bound: float) -> bool | None:
        """True: `bound` is set aside. False: it is more than is left. None: perhaps later, when calls under way end."""
        with self._lock:
            if self.max_cost is not None:
                if self.spent + bound > self.max_cost:
                    self._refuse()
                    return False
                if self.spent + self._aside + bound > self.max_cost:
                    return None
            self._aside += bound
            self._under_way += 1
            return True

    def _refuse(self) -> None:
        self.empty = True
        if self._marker is not None:
            self._marker.touch()

    def settle(self, bound: float, key: str, usd: float | None) -> None:
        """The call that `bound` was set aside for has ended and cost `usd`; None for no answer or no known price."""
        with self._lock:
            self._under_way -= 1
            # Exactly 0 between calls, so that rounding never keeps a call waiting.
            self._aside = self._aside - bound if self._under_way else 0.0
            if usd is not None:
                self.spent += usd
                self._paid.add(key)

    def known(self, key: str, usd: float) -> None:
        """A reply that was paid for before; counted once, however often it is read."""
        with self._lock:
            if key not in self._paid:
                self._paid.add(key)
                self.spent += usd
