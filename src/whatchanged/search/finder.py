"""The contract of a finder: it goes looking for prompts on which the two models differ."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

from whatchanged.pools import normalise
from whatchanged.records import Cost, Lead, Prompt, Region
from whatchanged.report.model import WeightsView
from whatchanged.screen import Evidence as Screened
from whatchanged.search.author import Author
from whatchanged.subjects import Access, Context

# The average price is taken over at most so many prompts, evenly spaced.
PRICED = 256


@dataclass(frozen=True)
class Evidence(Screened):
    """What is known so far: the screened prompts, aligned with responses and shifts, and the leads.

    In later rounds they hold what finders made before as well; a prompt's `source` names its finder. `confirmation`
    are the prompts that no finder may propose; finders do not look at them. `reserve` are pool prompts that were left
    out of both, and may be proposed; `weights` is what two checkpoints show, where both were read; `author` is a
    language model that writes prompts, where a reasoner was given.
    """

    leads: Sequence[Lead]
    confirmation: Sequence[Prompt] = ()
    round: int = 0
    reserve: Sequence[Prompt] = ()
    weights: WeightsView | None = None
    author: Author | None = None

    @property
    def access(self) -> Access:
        """How much of both models may be used: no more than --access allows."""
        return min(self.base.access, self.candidate.access, Access[self.ledger.config.access])

    def unasked(self, texts: Iterable[str], finder: str) -> list[Prompt]:
        """The texts as the finder's prompts: readable lines, whose words no screened prompt has, each once."""
        known = {normalise(p) for p in self.prompts} | {""}
        found: dict[str, Prompt] = {}
        for text in texts:
            prompt = Prompt.user(text, source=finder)
            if text.isprintable() and "\ufffd" not in text and (words := normalise(prompt)) not in known:
                found.setdefault(words, prompt)
        return list(found.values())

    @cached_property
    def price(self) -> int:
        """Tokens that both models score to screen one more prompt, on average over some screened; at least 1."""
        every = list(zip(self.prompts, self.responses, strict=True))
        every = [(p, r) for p, r in every if r.drawn] or every
        some = every[:: 1 + len(every) // PRICED]  # each round asks, and encoding thousands takes seconds
        sides = [
            subject.scored_tokens([Context(subject.encode(p), r.tokens) for p, r in some])
            for subject in (self.base, self.candidate)
        ]
        return max(1, round(sum(sides) / max(1, len(some))))


class Proposed(NamedTuple):
    """Prompts to screen, most promising first, what finding them cost, and why there are none where there are none."""

    prompts: list[Prompt]
    cost: Cost
    note: str = ""


class Finder(ABC):
    """One way of looking for prompts that no pool holds. Stateless: all that it knows is in the evidence."""

    name: ClassVar[str]
    needs: ClassVar[Access]
    # Whether some of what `fresh` asks is the same whatever prompts it is given: then hypotheses have it in common.
    asks_its_own: ClassVar[bool] = False
    # Whether it takes what it needs before others share the rest. Such ones run at the budget 'small' too.
    cheap: ClassVar[bool] = False
    # Whether it runs at 'small' as well, on what the cheap ones leave; where others are named, they alone run.
    small: ClassVar[bool] = False
    # Whether one call says all it has. Others are asked again with more evidence, and must then propose what is new.
    once: ClassVar[bool] = False

    def applies(self, evidence: Evidence) -> bool:
        """Whether the setting or the role that it lives on was given. Without, it runs only where it is named."""
        return True

    @abstractmethod
    def find(self, evidence: Evidence, tokens: int) -> Proposed:
        """Prompts made from discovery's alone, each with this finder's name as its source. Deterministic.

        `tokens` are what both models may score for this call: the finder's own work, and the screening of what it
        proposes at `evidence.price` a prompt.
        """

    def fresh(self, region: Region, prompts: Sequence[Prompt], count: int) -> list[Prompt]:
        """At most `count` new prompts in the region, made from `prompts`, which discovery never saw.

        A claim about prompts that this finder made is tested on these; a finder that cannot make any returns none,
        and the claim is tested on the pool's own.
        """
        return []

    def beside(self, region: Region, shown: Sequence[tuple[Prompt, float]]) -> Region | None:
        """Where a claim about the region might spill over to, outside of it; None where nothing is near.

        `shown` are this finder's discovery prompts, each with how much of the claim's leads it shows.
        """
        return None
