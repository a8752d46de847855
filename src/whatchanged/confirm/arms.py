"""One hypothesis under test: what has been seen of it, and what one more look is worth."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from whatchanged.confirm.measure import Rate
from whatchanged.ledger import PAIR_BATCH
from whatchanged.predicates import Predicate
from whatchanged.records import Hypothesis, Prompt
from whatchanged.stats import Bet

# A scored prompt costs a forward pass over some 30 tokens, a sampled one two responses token by token.
COST = {True: 1.0, False: 6.0}
BATCH = {True: 32, False: PAIR_BATCH}
# After the verdict, looks go on up to this many prompts for the sake of the interval.
ENOUGH = {True: 160, False: 64}
# And without a verdict up to this many: an effect that hides so long lies too near the margin to spend more on.
MOST = {True: 640, False: 128}
BONUS = 0.15


@dataclass
class Arm:
    """A hypothesis, its untouched prompts, its bets in both directions, and the rates seen.

    `above` bets against H0: direction x effect <= margin (to confirm), `below` against >= margin (to refute).
    """

    hypothesis: Hypothesis
    predicate: Predicate
    fresh: list[Prompt]
    rates: list[Rate] = field(default_factory=list)
    above: Bet = field(init=False)
    below: Bet = field(init=False)

    def __post_init__(self) -> None:
        self.above = Bet(self.hypothesis.margin)
        self.below = Bet(self.hypothesis.margin, side="below")

    @property
    def scored(self) -> bool:
        """Whether a forward pass measures it."""
        return bool(self.predicate.openings())

    @property
    def differences(self) -> list[float]:
        """candidate - base of each prompt, as measured."""
        return [r.candidate - r.base for r in self.rates]

    def take(self) -> list[Prompt]:
        """The next batch of fresh prompts; they are fresh no more."""
        size = BATCH[self.scored]
        batch, self.fresh = self.fresh[:size], self.fresh[size:]
        return batch

    def see(self, rates: Sequence[Rate]) -> None:
        """Update both bets."""
        signed = [self.hypothesis.sign * (r.candidate - r.base) for r in rates]
        self.rates += rates
        self.above.update(signed)
        self.below.update(signed)

    def settled(self, confirm_at: float, refute_at: float) -> bool:
        """Whether more looks would change nothing; thresholds in nats."""
        if not self.fresh or self.below.log_e >= refute_at or len(self.rates) >= MOST[self.scored]:
            return True
        return self.above.log_e >= confirm_at and len(self.rates) >= ENOUGH[self.scored]

    def index(self, looks: int) -> float:
        """Upper confidence index: nats that a look may earn in either direction, per unit of cost."""
        n = len(self.rates)
        edge = self.hypothesis.prior - self.hypothesis.margin
        if n == 0:
            return (math.log1p(max(edge, 0.0) / 2) + BONUS) / COST[self.scored]
        earned = max(self.above.log_e, self.below.log_e) / n
        return (earned + BONUS * math.sqrt(math.log(1 + looks) / n)) / COST[self.scored]
