"""How much more often something shows in candidate answers than in base answers, counted over prompts."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from whatchanged.records import Pair

Feature = TypeVar("Feature")


@dataclass
class Support(Generic[Feature]):
    """The prompts in whose base and candidate answers a feature shows, out of n prompts."""

    feature: Feature
    n: int
    base: set[str] = field(default_factory=set)
    candidate: set[str] = field(default_factory=set)

    @property
    def log_odds(self) -> float:
        """Smoothed log odds ratio (0.5 added to every cell), positive when the candidate does it more."""
        b, c = len(self.base), len(self.candidate)
        return math.log((c + 0.5) / (self.n - c + 0.5)) - math.log((b + 0.5) / (self.n - b + 0.5))

    @property
    def z(self) -> float:
        """Log odds ratio over its standard error (Woolf 1955, with Haldane's 0.5)."""
        cells = (len(self.base), len(self.candidate))
        variance = sum(1 / (x + 0.5) + 1 / (self.n - x + 0.5) for x in cells)
        return self.log_odds / math.sqrt(variance)

    @property
    def chance(self) -> float:
        """Two-sided p of a split at least this uneven when either side is as likely (binomial, exact)."""
        total = len(self.base) + len(self.candidate)
        most = max(len(self.base), len(self.candidate))
        return min(1.0, 2 * sum(math.comb(total, k) for k in range(most, total + 1)) / (1 << total))

    def overlap(self, other: "Support[Feature]") -> float:
        """Jaccard index of the two supports, in [0, 1]: at 1 both behave alike on these pairs."""
        mine = {(0, i) for i in self.base} | {(1, i) for i in self.candidate}
        its = {(0, i) for i in other.base} | {(1, i) for i in other.candidate}
        return len(mine & its) / max(1, len(mine | its))


def differing(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs whose texts are not the same."""
    return [pair for pair in pairs if pair.base.text != pair.candidate.text]


def supports(pairs: Sequence[Pair], features: Callable[[str], Iterable[Feature]]) -> list[Support[Feature]]:
    """The support of every feature that any answer of these pairs has."""
    n = len({pair.prompt_id for pair in pairs})
    found: dict[Feature, Support[Feature]] = {}
    for pair in pairs:
        for text, side in ((pair.base.text, "base"), (pair.candidate.text, "candidate")):
            for feature in features(text):
                if (support := found.get(feature)) is None:
                    support = found[feature] = Support(feature, n)
                getattr(support, side).add(pair.prompt_id)
    return list(found.values())


def by_prompt(pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """The pairs of each prompt, the unit of every count and standard error."""
    grouped: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        grouped[pair.prompt_id].append(pair)
    return dict(grouped)
