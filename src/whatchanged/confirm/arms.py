"""One hypothesis under test: what has been seen of it, and what one more look is worth."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from whatchanged.confirm.corrected import Calibrated, CorrectedBet, corrected_bounds
from whatchanged.confirm.instruments import Pace, Rate
from whatchanged.confirm.labelled import labelled_estimate
from whatchanged.predicates import Predicate
from whatchanged.records import Hypothesis, LabelledEstimate, Prompt
from whatchanged.stats import Bet, interval

BONUS = 0.15
# Of so many answers, a judge who gave a verdict on at most a tenth will not do better on the next.
TRIED = 24


@dataclass
class Arm:
    """A hypothesis, its untouched prompts, its bets in both directions, and the rates seen.

    `above` bets against H0: direction x effect <= margin (to confirm), `below` against >= margin (to refute).
    `scored`: a forward pass measures it, and nothing is sampled. `judge`: who reads the answers; where its errors are
    `calibrated`, bets and bounds are corrected for them.
    """

    hypothesis: Hypothesis
    predicate: Predicate
    fresh: list[Prompt]
    pace: Pace
    scored: bool = False
    judge: str | None = None
    missing: int = 0
    rates: list[Rate] = field(default_factory=list)
    calibrated: Calibrated | None = None
    above: Bet | CorrectedBet = field(init=False)
    below: Bet | CorrectedBet = field(init=False)

    def __post_init__(self) -> None:
        margin, sign = self.hypothesis.margin, self.hypothesis.sign
        if self.calibrated is None:
            self.above, self.below = Bet(margin), Bet(margin, side="below")
        else:
            self.above = CorrectedBet(self.calibrated, margin, sign)
            self.below = CorrectedBet(self.calibrated, -margin, -sign)

    @property
    def differences(self) -> list[float]:
        """candidate - base of each prompt, as measured."""
        return [r.difference for r in self.rates]

    @property
    def pairs(self) -> int:
        """Pairs of answers that the next look may draw, where it draws any."""
        return self.pace.draws * min(self.pace.batch, len(self.fresh))

    def take(self) -> list[Prompt]:
        """The next batch of fresh prompts; they are fresh no more."""
        batch, self.fresh = self.fresh[: self.pace.batch], self.fresh[self.pace.batch :]
        return batch

    def see(self, rates: Sequence[Rate | None]) -> None:
        """Update both bets. A missing rate is no evidence in either direction; it is counted."""
        known = [r for r in rates if r is not None]
        signed = [self.hypothesis.sign * r.difference for r in known]
        self.missing += len(rates) - len(known)
        self.rates += known
        for bet in (self.above, self.below):
            if isinstance(bet, CorrectedBet):
                bet.read(self.rates)
            else:
                bet.update(signed)

    def bounds(self, alpha: float) -> tuple[float, float, float]:
        """(effect, low, high) of candidate - base at level 1 - alpha; (0, -1, 1) before any look."""
        if not self.rates:
            return 0.0, -1.0, 1.0
        if self.calibrated is not None:
            return corrected_bounds(self.rates, self.calibrated, alpha)
        low, high = interval(self.differences, alpha)
        return sum(self.differences) / len(self.rates), low, high

    def labelled(self, alpha: float) -> LabelledEstimate | None:
        """The effect by human verdicts at level 1 - alpha, where there are enough; the bets know nothing of it."""
        return labelled_estimate(self.rates, alpha)

    def settled(self, confirm_at: float, refute_at: float) -> bool:
        """Whether more looks would change nothing; thresholds in nats."""
        if not self.fresh or self.below.log_e >= refute_at or len(self.rates) >= self.pace.most or self.unread:
            return True
        return self.above.log_e >= confirm_at and len(self.rates) >= self.pace.enough

    @property
    def unread(self) -> bool:
        """Whether hardly any answer comes back as a rate: more looks would only use up what others need."""
        return self.missing >= TRIED and self.missing > 9 * len(self.rates)

    def index(self, looks: int) -> float:
        """Upper confidence index: nats that a look may earn in either direction, per unit of cost."""
        n = len(self.rates) + self.missing
        edge = self.hypothesis.prior - self.hypothesis.margin
        if n == 0:
            return (math.log1p(max(edge, 0.0) / 2) + BONUS) / self.pace.cost
        earned = max(self.above.log_e, self.below.log_e) / n
        return (earned + BONUS * math.sqrt(math.log(1 + looks) / n)) / self.pace.cost
