"""The contract of a lens: it looks at the evidence and names leads."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from whatchanged.ledger import Ledger
from whatchanged.records import Cost, Lead, Prompt, Response, Shift
from whatchanged.subjects import Access, Subject


@dataclass(frozen=True)
class Evidence:
    """What the screen has seen: aligned lists, one entry a scanned response."""

    ledger: Ledger
    base: Subject
    candidate: Subject
    prompts: Sequence[Prompt]
    responses: Sequence[Response]
    shifts: Sequence[Shift]


class Lens(ABC):
    """One way of seeing a change. Stateless: all that it knows is in the evidence."""

    name: ClassVar[str]
    needs: ClassVar[Access]

    @abstractmethod
    def find(self, evidence: Evidence) -> tuple[list[Lead], Cost]:
        """Leads, most telling first, and what they cost. Deterministic given the evidence."""
