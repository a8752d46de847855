"""The contract of a finder: it goes looking for prompts on which the two models differ."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from whatchanged.records import Cost, Lead, Prompt, Region
from whatchanged.screen import Evidence as Screened
from whatchanged.subjects import Access


@dataclass(frozen=True)
class Evidence(Screened):
    """What is known when the search begins: the screened prompts, aligned with responses and shifts, and the leads.

    `confirmation` are the prompts that no finder may propose; finders do not look at them.
    """

    leads: Sequence[Lead]
    confirmation: Sequence[Prompt] = ()

    @property
    def access(self) -> Access:
        """How much of both models may be used: no more than --access allows."""
        return min(self.base.access, self.candidate.access, Access[self.ledger.config.access])


class Proposed(NamedTuple):
    """Prompts to screen, most promising first, what finding them cost, and why there are none where there are none."""

    prompts: list[Prompt]
    cost: Cost
    note: str = ""


class Finder(ABC):
    """One way of looking for prompts that no pool holds. Stateless: all that it knows is in the evidence."""

    name: ClassVar[str]
    needs: ClassVar[Access]
    # Whether `fresh` asks the same whatever prompts it is given: then hypotheses have them in common.
    asks_its_own: ClassVar[bool] = False

    @abstractmethod
    def find(self, evidence: Evidence) -> Proposed:
        """Prompts made from discovery's alone, each with this finder's name as its source. Deterministic."""

    def fresh(self, region: Region, prompts: Sequence[Prompt], count: int) -> list[Prompt]:
        """At most `count` new prompts in the region, made from `prompts`, which discovery never saw.

        A claim about prompts that this finder made is tested on these; a finder that cannot make any returns none,
        and the claim is tested on the pool's own.
        """
        return []
