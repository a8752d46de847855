"""The allocator against simulated finders whose payoffs are rare, noisy, and change while it runs."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from whatchanged.search.allocate import BOLD, FLOOR, Allocator

NAMES = tuple("abcdef")
UNIT, UNITS = 1000, 96
DRY = 30


@dataclass
class World:
    """Finders that bring `rate(name, given, now)` nats a unit on average: in units given to them, and to all."""

    rate: Callable[[int, float, float], float]
    seed: int
    given: Counter[str] = field(default_factory=Counter)
    now: int = 0
    mass: float = 0.0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.order = dict(zip(NAMES, self.rng.permutation(len(NAMES)).tolist(), strict=True))

    def ask(self, name: str, tokens: int) -> float:
        """Every unit pays nothing in one case of ten, and else a log-normal sum."""
        brought = 0.0
        for _ in range(tokens // UNIT):
            mean = self.rate(self.order[name], self.given[name], self.now)
            brought += mean * self.rng.lognormal(-0.125, 0.5) * (self.rng.random() < 0.9) / 0.9
            self.given[name] += 1
            self.now += 1
        self.mass += brought
        return brought


def one_pays(n: int, given: float, now: float) -> float:
    return (10.0, 3.0, 0.5, 0.2, 0.0, 0.0)[n]


def another_takes_off(n: int, given: float, now: float) -> float:
    return one_pays(n if now < UNITS / 3 else 5 - n, given, now)


def all_dry_up(n: int, given: float, now: float) -> float:
    return (10.0, 6.0, 2.0, 1.0, 0.5, 0.0)[n] * 0.97**given


def one_dries_up(n: int, given: float, now: float) -> float:
    return one_pays(n, given, now) if n or given < DRY else 0.0


WORLDS = pytest.mark.parametrize("rate", [one_pays, another_takes_off, all_dry_up, one_dries_up])


def spent(world: World, choices: Iterator[tuple[str, int]]) -> World:
    """The world after all units."""
    while world.now < UNITS:
        name, tokens = next(choices)
        world.ask(name, min(tokens, (UNITS - world.now) * UNIT))
    return world


def played(rate: Callable[[int, float, float], float], seed: int) -> World:
    """The world after the allocator spent all units."""
    world, allocator = World(rate, seed), Allocator(NAMES, UNIT)
    while world.now < UNITS:
        name, tokens = allocator.choose()
        tokens = min(tokens, (UNITS - world.now) * UNIT)
        allocator.pay(name, world.ask(name, tokens), tokens)
    return world


def in_turn() -> Iterator[tuple[str, int]]:
    while True:
        yield from ((name, UNIT) for name in NAMES)


def always(name: str) -> Iterator[tuple[str, int]]:
    while True:
        yield name, UNIT


@WORLDS
def test_it_earns_more_than_uniform_and_nearly_what_the_best_alone_would(rate):
    seeds = range(60)
    earned = np.mean([played(rate, s).mass for s in seeds])
    uniform = np.mean([spent(World(rate, s), in_turn()).mass for s in seeds])
    hindsight = np.mean([max(spent(World(rate, s), always(name)).mass for name in NAMES) for s in seeds])
    assert earned >= 1.5 * uniform
    assert earned >= 0.8 * hindsight


@WORLDS
def test_everyone_keeps_a_floor(rate):
    for seed in range(20):
        given = played(rate, seed).given
        assert min(given[name] for name in NAMES) >= FLOOR * UNITS / len(NAMES) - 1


def test_who_dries_up_loses_its_share():
    for seed in range(20):
        world, allocator = World(one_dries_up, seed), Allocator(NAMES, UNIT)
        rich = next(name for name in NAMES if world.order[name] == 0)
        shares = []
        while world.now < 2 * UNITS:
            name, tokens = allocator.choose()
            dry = world.given[rich] >= DRY
            allocator.pay(name, world.ask(name, tokens), tokens)
            shares += [name == rich] * (tokens // UNIT) * dry
        # A few units until it is seen, and then no more than anyone.
        assert len(shares) >= 40
        assert np.mean(shares[15:]) <= 0.2


def test_where_nobody_earns_everybody_is_asked_in_turn():
    allocator, asked = Allocator(NAMES, UNIT), []
    for _ in range(3 * len(NAMES)):
        name, tokens = allocator.choose()
        assert tokens == UNIT
        asked.append(name)
        allocator.pay(name, 0.0, tokens)
    assert asked == [*NAMES] * 3


def test_who_pays_best_gets_larger_slices():
    allocator = Allocator(NAMES, UNIT)
    for name in NAMES:
        assert allocator.choose() == (name, UNIT)
        allocator.pay(name, 5.0 if name == "c" else 0.0, UNIT)
    assert allocator.choose() == ("c", BOLD * UNIT)


def test_what_counts_is_mass_per_token():
    allocator = Allocator(("dear", "cheap"), UNIT)
    allocator.pay("dear", 6.0, 8 * UNIT)
    allocator.pay("cheap", 2.0, UNIT)
    assert allocator.choose()[0] == "cheap"


def test_a_call_that_spent_nothing_is_an_answer_too():
    allocator = Allocator(("idle", "other"), UNIT)
    asked = []
    for _ in range(8):
        asked.append(allocator.choose()[0])
        allocator.pay(asked[-1], 0.0, 0)
    assert asked == ["idle", "other"] * 4


def test_the_same_payoffs_lead_to_the_same_choices():
    assert played(another_takes_off, 3).given == played(another_takes_off, 3).given
