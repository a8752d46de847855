"""Paired differences on fresh prompts: D = f(candidate) - f(base), by forward pass or from coupled pairs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from whatchanged.elicit import coupled_pairs, draw_responses, opening_probabilities
from whatchanged.ledger import Ledger, json_codec
from whatchanged.predicates import Predicate
from whatchanged.records import Cost, Pair, Prompt, Tokens
from whatchanged.subjects import Subject

RATES = json_codec(list[tuple[float, float]])


class Rate(NamedTuple):
    """f on one prompt: the base's, the candidate's."""

    base: float
    candidate: float


@dataclass
class Instruments:
    """The two subjects and the pairs drawn so far on confirmation prompts, shared by all hypotheses.

    Sharing pairs makes hypotheses dependent, which e-BH and e-LOND allow; SAFFRON and ADDIS do not, so
    under those each hypothesis has prompts of its own and nothing is shared.
    """

    ledger: Ledger
    base: Subject
    candidate: Subject
    pairs: dict[str, Pair] = field(default_factory=dict)

    def scored(self, predicate: Predicate, prompts: Sequence[Prompt], step: str) -> list[Rate]:
        """Exact probabilities, no response drawn."""
        temperature = self.ledger.config.temperature

        def work() -> tuple[list[tuple[float, float]], Cost]:
            p, scored_p = opening_probabilities(self.base, prompts, predicate.openings(), temperature)
            q, scored_q = opening_probabilities(self.candidate, prompts, predicate.openings(), temperature)
            rates = [(round(a, 9), round(b, 9)) for a, b in zip(p.tolist(), q.tolist(), strict=True)]
            return rates, Cost(scored_tokens=Tokens(base=scored_p, candidate=scored_q))

        return [Rate(*r) for r in self.ledger.once(f"confirm/{step}-scored", RATES, work)]

    def sampled(self, predicate: Predicate, prompts: Sequence[Prompt], step: str) -> list[Rate]:
        """From one coupled pair a prompt; pairs that are there are not drawn again."""
        missing = [p for p in prompts if p.id not in self.pairs]
        if missing:
            length = self.ledger.config.limits.response_tokens
            stage = f"confirm/{step}"
            drafts = draw_responses(self.ledger, self.base, missing, length, stage)
            drawn = coupled_pairs(self.ledger, self.base, self.candidate, missing, drafts, stage)
            self.pairs |= {pair.prompt_id: pair for pair in drawn}
        return [_rate(predicate, self.pairs[p.id], p) for p in prompts]


def _rate(predicate: Predicate, pair: Pair, prompt: Prompt) -> Rate:
    base = predicate.score(pair.base.text, prompt)
    # An identical pair is no difference, whatever the predicate: it need not be looked at twice.
    return Rate(base, base if pair.identical else predicate.score(pair.candidate.text, prompt))
