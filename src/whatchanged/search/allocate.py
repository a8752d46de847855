"""Who gets the next tokens: a bandit over finders whose payoffs change while they are asked.

Discounted UCB (Garivier and Moulines 2011, arXiv 0805.3415, section 2.1), in tokens instead of pulls: of every finder
the discounted mass per token, and a bonus that grows while it is not asked. In simulation it did about as well as
discounted Thompson sampling; it was chosen because its index can be read and needs no random numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# What a payoff still counts after one more unit of tokens was spent, by whomever.
DISCOUNT = 0.95
# Weight of the bonus; the paper's xi. The payoffs' scale, its B, is the run's mean payoff, as no bound is known.
EXPLORE = 0.1
# This share of all tokens is divided evenly, whatever the payoffs.
FLOOR = 0.1
# The finder that pays best gets so many units at once; others are tried with one.
BOLD = 3
# A call that spent nothing counts as so much of a unit.
LEAST = 0.25


@dataclass
class Arm:
    """One finder's account: units of tokens it was given, and discounted units and nats."""

    name: str
    units: float = 0.0
    weight: float = 0.0
    mass: float = 0.0

    @property
    def rate(self) -> float:
        """Nats a unit, of late."""
        return self.mass / self.weight if self.weight else 0.0


class Allocator:
    """Deterministic: the same payoffs lead to the same choices. `unit`: the tokens of the smallest slice."""

    def __init__(self, names: Sequence[str], unit: int) -> None:
        self.unit = max(1, unit)
        self._arms = {name: Arm(name) for name in names}
        self._units = self._mass = 0.0

    def choose(self) -> tuple[str, int]:
        """Whom to ask next, and for how many tokens: first everyone once, then whoever is below the floor, then the
        highest index. Of equals, who was given least."""
        arms = list(self._arms.values())
        poorest = min(arms, key=lambda arm: arm.units)
        if not poorest.units or poorest.units + 1 <= FLOOR * self._units / len(arms):
            return poorest.name, self.unit
        best = max(arms, key=lambda arm: (arm.rate, -arm.units))
        chosen = max(arms, key=lambda arm: (self._index(arm), -arm.units))
        return chosen.name, self.unit * (BOLD if chosen is best and best.mass else 1)

    def pay(self, name: str, mass: float, tokens: int) -> None:
        """Nats that a call brought, and the tokens that it and the screening of its prompts took."""
        units = max(tokens / self.unit, LEAST)
        for arm in self._arms.values():
            arm.weight *= DISCOUNT**units
            arm.mass *= DISCOUNT**units
        arm = self._arms[name]
        arm.units += units
        arm.weight += units
        arm.mass += mass
        self._units += units
        self._mass += mass

    def _index(self, arm: Arm) -> float:
        total = max(1.0, sum(a.weight for a in self._arms.values()))
        return arm.rate + self._mass / self._units * math.sqrt(EXPLORE * math.log(total) / arm.weight)
