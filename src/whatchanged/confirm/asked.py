"""Instruments for models that only answer: one answer of each a prompt, coupled where both score text."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from whatchanged.confirm.instruments import Pace, Rate
from whatchanged.confirm.measure import SAMPLED
from whatchanged.confirm.reading import SamplingInstruments, answers, drawing_step
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
    pairs: dict[tuple[str, int], Pair | None] = field(default_factory=dict)

    def pace(self, predicate: Predicate, prompts: int) -> Pace:
        # Independent answers carry more noise than coupled ones, so more of them are worth having.
        return self.answered(SAMPLED._replace(enough=2 * SAMPLED.enough, most=3 * SAMPLED.most), predicate, prompts)

    def measure(self, predicate: Predicate, prompts: Sequence[Prompt], step: str, draws: int = 1) -> list[Rate | None]:
        drawn = [self._drawn(prompts, step, draw) for draw in range(draws)]
        # Of several pairs those that came are a prompt's mean, as with one a prompt those prompts are the region's.
        found = [[pair for pair in pairs if pair is not None] for pairs in zip(*drawn, strict=True)]
        read = [answers(p, pairs) for p, pairs in zip(prompts, found, strict=True) if pairs]
        rates = iter(self.reader.rates(predicate, read, step))
        return [next(rates) if pairs else None for pairs in found]

    def pairs_of(self, prompts: Sequence[Prompt], step: str) -> list[Pair]:
        return [pair for pair in self._drawn(prompts, step, 0) if pair is not None]

    def _drawn(self, prompts: Sequence[Prompt], step: str, draw: int) -> list[Pair | None]:
        missing = [p for p in prompts if (p.id, draw) not in self.pairs]
        if missing:
            drawn = metropolis_pairs(self.ledger, self.base, self.candidate, missing, drawing_step(step, draw), draw)
            self.pairs |= {(p.id, draw): pair for p, pair in zip(missing, drawn, strict=True)}
        return [self.pairs[p.id, draw] for p in prompts]
