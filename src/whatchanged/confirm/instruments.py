"""The contract of a measurement: what a predicate's difference on fresh prompts is, however much can be seen."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from whatchanged.predicates import Predicate
from whatchanged.records import Pair, Prompt

if TYPE_CHECKING:
    from whatchanged.confirm.corrected import Calibrated


class Rate(NamedTuple):
    """f on one prompt: the base's, the candidate's. Both None: equal answers that nobody had to read.

    `human` is the difference by human verdicts, where answers that a judge read were all labelled.
    """

    base: float | None
    candidate: float | None
    human: float | None = None

    @property
    def difference(self) -> float:
        """candidate - base."""
        return 0.0 if self.base is None or self.candidate is None else self.candidate - self.base


# More answers to one prompt hardly narrow what is not known of a region: how its prompts differ.
MOST_DRAWS = 4


class Pace(NamedTuple):
    """What a look costs (in forward passes over one prompt) and how many prompts are worth it.

    `batch` prompts a look, each answered `draws` times by either model; after the verdict looks go on up to `enough`
    prompts for the sake of the interval, and without a verdict up to `most`: an effect that hides so long lies too
    near the margin to spend more on.
    """

    cost: float
    batch: int
    enough: int
    most: int
    draws: int = 1

    def over(self, prompts: int) -> "Pace":
        """The pace where there are `prompts` in all: few of them are asked more than once, `enough` answers together.

        The number is fixed before any answer is seen, so that the mean over a prompt's answers is a bet like any other.
        """
        draws = min(MOST_DRAWS, max(1, self.enough // max(prompts, 1)))
        return self._replace(draws=draws, cost=self.cost * draws)


class Instruments(ABC):
    """Measures predicates on fresh prompts; shared by all hypotheses of a campaign."""

    @abstractmethod
    def pace(self, predicate: Predicate, prompts: int) -> Pace:
        """How eagerly this predicate may be looked at, where there are so many prompts to look at."""

    @abstractmethod
    def measure(self, predicate: Predicate, prompts: Sequence[Prompt], step: str, draws: int = 1) -> list[Rate | None]:
        """One rate a prompt, in order: the mean over `draws` answers of each model, where answers are drawn.

        None where an answer or a verdict is missing. `step` names it in the ledger.
        """

    @abstractmethod
    def pairs_of(self, prompts: Sequence[Prompt], step: str) -> list[Pair]:
        """A pair of answers a prompt, in order, without those that are missing."""

    def scores(self, predicate: Predicate) -> bool:
        """Whether forward passes measure it, so that nothing is sampled."""
        return False

    def judged_by(self, predicate: Predicate) -> str | None:
        """The judge who reads the answers for this predicate, and whether its errors are known; None: no judge."""
        return None

    def calibrated(self, predicate: Predicate) -> "Calibrated | None":
        """The judge's errors on this predicate, where labelled answers tell them."""
        return None

    def may_sample(self, share: float = 1.0, pairs: int = 0) -> bool:
        """Whether one more batch of samples, or so many pairs where that is more, fits this share of the limits."""
        return True
