"""Instruments for models that only answer: one answer of each a prompt, coupled where both score text."""

from collections.abc import Sequence
from dataclasses import dataclass

from whatchanged.confirm.instruments import Pace, Rate
from whatchanged.confirm.measure import SAMPLED
from whatchanged.confirm.reading import SamplingInstruments
from whatchanged.elicit import metropolis_pairs
from whatchanged.ledger import Ledger
from whatchanged.predicates import Predicate
from whatchanged.records import Pair, Prompt
from whatchanged.roles import Roles
from whatchanged.subjects import Subject


@dataclass
class Asked(SamplingInstruments):
    """The two subjects and the answers so far. A prompt that a server left unanswered gives no rate."""

    ledger: Ledger
    base: Subject
    candidate: Subject
    roles: Roles

    def pace(self, predicate: Predicate, prompts: int) -> Pace:
        # Independent answers carry more noise than coupled ones, so more of them are worth having.
        return self.answered(SAMPLED._replace(enough=2 * SAMPLED.enough, most=3 * SAMPLED.most), predicate, prompts)

    def measure(self, predicate: Predicate, prompts: Sequence[Prompt], step: str, draws: int = 1) -> list[Rate | None]:
        return self.sampled(predicate, prompts, step, draws)

    def draw(self, prompts: Sequence[Prompt], stage: str, draw: int) -> list[Pair | None]:
        return metropolis_pairs(self.ledger, self.base, self.candidate, prompts, stage, draw)
