"""What prompts earn: new tokens do, near-duplicates and drift do not."""

import time
from dataclasses import replace

import numpy as np
import pytest

from whatchanged.records import Shift
from whatchanged.search.reward import RARE, Rewards, drift_level, left_out, masses

WIDTH = 6


def shift(gained=(), lost=(), rows=1, at=0):
    """A shift of given (token, p, q), all at one position."""
    arrays = {}
    for side, told in (("gained", gained), ("lost", lost)):
        table = np.zeros((rows, WIDTH, 3))
        table[at, : len(told)] = np.array(told).reshape(-1, 3)
        arrays[f"{side}_ids"] = table[..., 0].astype(np.int32)
        arrays[f"{side}_p"], arrays[f"{side}_q"] = table[..., 1].astype(np.float32), table[..., 2].astype(np.float32)
    nothing = {name: np.zeros(rows, np.float32) for name in ("tv", "kl_qp", "kl_pq", "rest")}
    return Shift(prompt_id="x", draw=0, p_change=0.0, log_ratio=np.zeros(rows), **nothing, **arrays)


def drifting(rng, count=200, at=0):
    """Small gains and losses of any of 400 tokens, on every prompt others."""
    found = []
    for _ in range(count):
        p = rng.uniform(0.01, 0.3, 2 * WIDTH)
        q = p * np.exp(rng.normal(0, 0.1, 2 * WIDTH))
        told = list(zip(rng.integers(0, 400, 2 * WIDTH), p, q, strict=True))
        rose, fell = [t for t in told if t[2] > t[1]][:WIDTH], [t for t in told if t[2] <= t[1]][:WIDTH]
        found.append(shift(rose, fell, rows=at + 1, at=at))
    return found


PLANTED = (999, 0.001, 0.5)
WORTH = 0.5 * np.log(500)


@pytest.fixture
def pool():
    return drifting(np.random.default_rng(0))


def test_masses_are_sums_by_token_sign_and_place():
    first = shift([(7, 0.1, 0.2), (7, 0.2, 0.4), (3, 0.1, 0.1)], [(7, 0.4, 0.2)])
    (columns, values), (none, _) = masses([first, shift()])
    assert columns.tolist() == [29, 31]
    np.testing.assert_allclose(values, [0.6 * np.log(2), 0.4 * np.log(2)], rtol=1e-6)
    assert none.tolist() == []
    assert masses([]) == []


def test_a_new_token_earns_and_its_duplicate_nothing(pool):
    rewards = Rewards(pool)
    first, again = rewards.pay([shift([PLANTED]), shift([PLANTED])])
    assert first == pytest.approx(WORTH - rewards.drift[1], abs=1e-5)
    assert first > 0.5 * WORTH
    assert again == 0
    assert rewards.pay([shift([PLANTED])]).tolist() == [0.0]


def test_prompts_without_an_answer_do_not_lower_the_drift_of_answers(pool):
    """They show nothing of the rest of an answer, which is not the same as showing that nothing moves there."""
    few = drifting(np.random.default_rng(1), 20, at=1)
    openings = [replace(s, log_ratio=np.zeros(0)) for s in pool]
    assert Rewards([*openings, *few]).drift[0] == Rewards(few).drift[0] > 0
    assert Rewards([*pool, *few]).drift[0] == 0
    assert Rewards([*openings, *few]).drift[1] == Rewards([*pool, *few]).drift[1] > 0


def test_what_turns_the_opening_earns_however_much_answers_drift_later(pool):
    """Sums over an answer would exceed what one position can show."""
    long = [shift([(n % 400, 0.001, 0.9)], rows=2, at=1) for n in range(800)]
    rewards = Rewards([*pool, *long])
    assert rewards.pay([shift([PLANTED])])[0] > 0.5 * WORTH
    assert rewards.pay([shift([PLANTED], rows=2, at=1)])[0] == pytest.approx(max(WORTH - rewards.drift[0], 0), abs=1e-5)


def test_losing_a_token_is_not_gaining_it(pool):
    rewards = Rewards(pool)
    assert (rewards.pay([shift([PLANTED]), shift([], [(999, 0.5, 0.001)])]) > 0.5 * WORTH).all()


def test_only_what_exceeds_the_strongest_before_counts():
    rewards = Rewards([])
    weak, strong = (1, 0.1, 0.2), (1, 0.1, 0.8)
    paid = rewards.pay([shift([weak]), shift([strong]), shift([weak])])
    a, b = 0.2 * np.log(2), 0.8 * np.log(8)
    np.testing.assert_allclose(paid, [a, b - a, 0.0], rtol=1e-5)


def test_what_the_pool_shows_earns_nothing(pool):
    rewards = Rewards([*pool, shift([PLANTED])])
    assert rewards.pay([shift([PLANTED])]).tolist() == [0.0]


@pytest.mark.parametrize("seed", range(5))
def test_drift_earns_nothing(pool, seed):
    assert Rewards(pool).pay(drifting(np.random.default_rng(1 + seed), 400)).sum() == 0


def test_a_few_changes_of_their_own_in_the_pool_are_no_drift(pool):
    own = [shift([(2000 + n, 0.001, 0.9)]) for n in range(len(pool) // 12)]
    rewards = Rewards([*pool, *own])
    assert rewards.pay([shift([PLANTED])])[0] > 0.5 * WORTH


def test_beyond_the_others():
    pool = masses([shift([(1, 0.1, 0.8), (2, 0.1, 0.2)]), shift([(1, 0.1, 0.4)]), shift([], [(2, 0.2, 0.1)]), shift()])
    first = 0.8 * np.log(8) - 0.4 * np.log(4)
    np.testing.assert_allclose(left_out(pool), [first, 0.0, 0.2 * np.log(2), 0.0], rtol=1e-5)
    assert left_out([]).tolist() == left_out(masses([])).tolist() == []
    assert left_out(masses([shift(), shift()])).tolist() == [0.0, 0.0]


def test_the_level_is_the_one_that_few_of_an_exponential_tail_exceed():
    new = np.random.default_rng(0).exponential(0.3, 2_000_000)
    assert (new > drift_level(new)).mean() == pytest.approx(1 / RARE, rel=0.4)
    assert drift_level(np.zeros(0)) == 0
    assert drift_level(np.zeros(50)) == 0


def test_thousands_of_prompts_take_a_moment(pool):
    many = drifting(np.random.default_rng(9), 3000)
    started = time.process_time()
    Rewards(many).pay(many)
    assert time.process_time() - started < 2
