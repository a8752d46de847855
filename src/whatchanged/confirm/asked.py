"""Instruments for models that only answer: one answer of each a prompt, coupled where both score text."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from whatchanged.confirm.instruments import Pace, Rate
from whatchanged.confirm.measure import SAMPLED
from whatchanged.confirm.reading import SamplingInstruments, answers
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
    pairs: dict[str, Pair | None] = field(default_factory=dict)

    def pace(self, predicate: Predicate) -> Pace:
        # Independent answers carry more noise than coupled ones, so more of them are worth having.
        return SAMPLED._replace(enough=2 * SAMPLED.enough, most=3 * SAMPLED.most)

    def measure(self, predicate: Predicate, prompts: Sequence[Prompt], step: str) -> list[Rate | None]:
        found = [(p, pair) for p, pair in zip(prompts, self._drawn(prompts, step), strict=True)]
        rates = iter(self.reader.rates(predicate, [answers(pair, p) for p, pair in found if pair is not None], step))
        return [None if pair is None else next(rates) for _, pair in found]

    def pairs_of(self, prompts: Sequence[Prompt], step: str) -> list[Pair]:
        return [pair for pair in self._drawn(prompts, step) if pair is not None]

    def _drawn(self, prompts: Sequence[Prompt], step: str) -> list[Pair | None]:
        missing = [p for p in prompts if p.id not in self.pairs]
        if missing:
            drawn = metropolis_pairs(self.ledger, self.base, self.candidate, missing, f"confirm/{step}")
            self.pairs |= {p.id: pair for p, pair in zip(missing, drawn, strict=True)}
        return [self.pairs[p.id] for p in prompts]
