"""Instruments for answers that were recorded: nothing is asked, so everything is looked at."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whatchanged.confirm.instruments import Pace, Rate
from whatchanged.confirm.reading import Answers, ReadingInstruments
from whatchanged.elicit import text_pair
from whatchanged.ledger import Ledger
from whatchanged.predicates import Predicate
from whatchanged.records import Pair, Prompt
from whatchanged.roles import Roles


@dataclass
class Recorded(ReadingInstruments):
    """`answers` by prompt id. Repeated samples of a prompt are one unit: its rate is their mean."""

    ledger: Ledger
    answers: Mapping[str, Answers]
    roles: Roles

    def pace(self, predicate: Predicate, prompts: int) -> Pace:
        # Only a judge costs anything here.
        most = 256 if self.reader.judge_of(predicate) else sys.maxsize
        return Pace(cost=1.0, batch=64, enough=most, most=most)

    def measure(self, predicate: Predicate, prompts: Sequence[Prompt], step: str, draws: int = 1) -> list[Rate | None]:
        return self.reader.rates(predicate, [self.answers[p.id] for p in prompts], step)

    def pairs_of(self, prompts: Sequence[Prompt], step: str) -> list[Pair]:
        return [text_pair(p, self.answers[p.id].base[0], self.answers[p.id].candidate[0]) for p in prompts]
