"""Instruments for answers that were recorded: nothing is asked, so everything is looked at."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whatchanged.confirm.corrected import Calibrated
from whatchanged.confirm.instruments import Instruments, Pace, Rate
from whatchanged.confirm.reading import Answers, Reader
from whatchanged.elicit import text_pair
from whatchanged.ledger import Ledger
from whatchanged.predicates import Predicate
from whatchanged.records import Pair, Prompt
from whatchanged.roles import Roles


@dataclass
class Recorded(Instruments):
    """`answers` by prompt id. Repeated samples of a prompt are one unit: its rate is their mean."""

    ledger: Ledger
    answers: Mapping[str, Answers]
    roles: Roles

    def __post_init__(self) -> None:
        self._reader = Reader(self.ledger, self.roles)

    def pace(self, predicate: Predicate) -> Pace:
        # Only a judge costs anything here.
        most = 256 if self._reader.judge_of(predicate) else sys.maxsize
        return Pace(cost=1.0, batch=64, enough=most, most=most)

    def measure(self, predicate: Predicate, prompts: Sequence[Prompt], step: str) -> list[Rate | None]:
        return self._reader.rates(predicate, [self.answers[p.id] for p in prompts], step)

    def pairs_of(self, prompts: Sequence[Prompt], step: str) -> list[Pair]:
        return [text_pair(p, self.answers[p.id].base[0], self.answers[p.id].candidate[0]) for p in prompts]

    def judged_by(self, predicate: Predicate) -> str | None:
        return self._reader.judged_by(predicate)

    def calibrated(self, predicate: Predicate) -> Calibrated | None:
        return self._reader.calibrated(predicate)
