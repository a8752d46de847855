"""Instruments for two open models: exact probabilities by forward pass, or coupled pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

from whatchanged.confirm.instruments import Pace, Rate
from whatchanged.confirm.reading import SamplingInstruments
from whatchanged.elicit import coupled_pairs, draw_responses, opening_probabilities
from whatchanged.ledger import PAIR_BATCH, Ledger, json_codec
from whatchanged.predicates import Predicate
from whatchanged.records import Cost, Pair, Prompt, Tokens
from whatchanged.roles import Roles
from whatchanged.subjects import Subject

RATES = json_codec(list[tuple[float, float]])
# A scored prompt costs a forward pass over some 30 tokens, a sampled one two responses token by token.
SCORED = Pace(cost=1.0, batch=32, enough=160, most=640)
SAMPLED = Pace(cost=6.0, batch=PAIR_BATCH, enough=64, most=128)


@dataclass
class Coupled(SamplingInstruments):
    """The two subjects and the pairs drawn so far on confirmation prompts.

    Sharing pairs makes hypotheses dependent, which e-BH and e-LOND allow; SAFFRON and ADDIS do not, so
    under those each hypothesis has prompts of its own and nothing is shared.
    """

    ledger: Ledger
    base: Subject
    candidate: Subject
    roles: Roles

    def pace(self, predicate: Predicate, prompts: int) -> Pace:
        return SCORED if self.scores(predicate) else self.answered(SAMPLED, predicate, prompts)

    def scores(self, predicate: Predicate) -> bool:
        return bool(predicate.openings())

    def measure(self, predicate: Predicate, prompts: Sequence[Prompt], step: str, draws: int = 1) -> list[Rate | None]:
        if self.scores(predicate):
            return [*self.scored(predicate, prompts, step)]
        return self.sampled(predicate, prompts, step, draws)

    def scored(self, predicate: Predicate, prompts: Sequence[Prompt], step: str) -> list[Rate]:
        """Exact probabilities, no response drawn."""
        temperature = self.ledger.config.temperature

        def work() -> tuple[list[tuple[float, float]], Cost]:
            p, scored_p = opening_probabilities(self.base, prompts, predicate.openings(), temperature)
            q, scored_q = opening_probabilities(self.candidate, prompts, predicate.openings(), temperature)
            rates = [(round(a, 9), round(b, 9)) for a, b in zip(p.tolist(), q.tolist(), strict=True)]
            return rates, Cost(scored_tokens=Tokens(base=scored_p, candidate=scored_q))

        return [Rate(*r) for r in self.ledger.once(f"confirm/{step}-scored", RATES, work)]

    def draw(self, prompts: Sequence[Prompt], stage: str, draw: int) -> list[Pair]:
        drafts = draw_responses(self.ledger, self.base, prompts, self.ledger.config.limits.response_tokens, stage, draw)
        return coupled_pairs(self.ledger, self.base, self.candidate, prompts, drafts, stage)
