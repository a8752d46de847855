from collections import Counter

import pytest

from whatchanged.errors import PoolError
from whatchanged.pools import HELD_BACK, Split, hold_back, left_over, normalise, split
from whatchanged.records import Message, Prompt

SHARES = {"big": 600, "middle": 300, "small": 60, "tiny": 12}
POOL = [
    Prompt.user(f"{name} {i}", tags=(f"{name}/t{i % 3}", "other")) for name, size in SHARES.items() for i in range(size)
]


def _ids(prompts):
    return [p.id for p in prompts]


def _counts(prompts):
    return Counter(p.tags[0].partition("/")[0] for p in prompts)


def test_sides_share_nothing_and_are_about_halves():
    both = split(POOL, 10_000, 10_000, seed=3)
    assert isinstance(both, Split)
    assert sorted(_ids(both.discovery + both.confirmation)) == sorted(_ids(POOL))
    assert 0.4 < len(both.discovery) / len(POOL) < 0.6


def test_same_words_land_on_the_same_side():
    def variants(i):
        plain = f"who wrote book {i}"
        return [plain, f"Who wrote “Book {i}”?", f"  WHO  WROTE\tBOOK-{i}!! ", f"who wrote book\u200b {i}"]

    pool = [Prompt.user(text) for i in range(200) for text in variants(i)]
    left, right = split(pool, 10_000, 10_000, seed=0)
    assert len(left) + len(right) == 800
    assert not {normalise(p) for p in left} & {normalise(p) for p in right}


def test_normalise_ignores_case_spaces_and_punctuation_but_keeps_words():
    assert normalise(Prompt.user("Straße, Ｏｋ?")) == normalise(Prompt.user("STRASSE ok"))
    assert normalise(Prompt.user("कि")) != normalise(Prompt.user("की"))
    turns = (Message(role="user", content="a"), Message(role="assistant", content="b"))
    assert normalise(Prompt(messages=turns)) != normalise(Prompt.user("a"))


def test_deterministic_and_independent_of_pool_order_but_not_of_the_seed():
    one = split(POOL, 100, 100, seed=1)
    assert split(list(reversed(POOL)), 100, 100, seed=1) == one
    assert split(POOL, 100, 100, seed=2) != one


def test_no_prompt_changes_side_when_the_pool_grows():
    small = split(POOL[::2], 10_000, 10_000, seed=5)
    large = split(POOL, 10_000, 10_000, seed=5)
    assert set(_ids(small.discovery)) <= set(_ids(large.discovery))
    assert set(_ids(small.confirmation)) <= set(_ids(large.confirmation))


def test_a_larger_size_only_adds():
    few, many = split(POOL, 50, 0, seed=1), split(POOL, 200, 0, seed=1)
    assert set(_ids(few.discovery)) < set(_ids(many.discovery))
    assert few.confirmation == ()


@pytest.mark.parametrize("seed", range(5))
def test_categories_keep_their_proportion(seed):
    for side in split(POOL, 243, 243, seed=seed):
        assert len(side) == 243
        counts = _counts(side)
        for name, n in SHARES.items():
            assert abs(counts[name] - n / 4) <= 2


def test_no_category_is_starved_by_a_small_size():
    for side in split(POOL, 6, 4, seed=0):
        assert set(_counts(side)) == set(SHARES)


def test_order_is_not_that_of_the_pool_and_mixes_categories():
    side = split(POOL, 400, 400, seed=0).discovery
    assert _counts(side[:100])["big"] == pytest.approx(62, abs=20)


def test_a_side_left_empty_is_an_error():
    with pytest.raises(PoolError, match="pool of 1 prompts leaves none for"):
        split(POOL[:1], 5, 5, seed=0)


def test_a_quarter_is_held_back_and_orders_are_kept():
    first, held = hold_back(POOL, seed=1)
    assert 0.2 < len(held) / len(POOL) < 0.3
    assert HELD_BACK == 4
    places = {p.id: i for i, p in enumerate(POOL)}
    for side in (first, held):
        assert [places[p.id] for p in side] == sorted(places[p.id] for p in side)
    assert sorted(_ids(first + held)) == sorted(_ids(POOL))
    # What a prompt's fate is depends on nothing but its words and the seed.
    assert _ids(hold_back(POOL[::2], seed=1)[1]) == [i for i in _ids(held) if places[i] % 2 == 0]
    assert _ids(hold_back(POOL, seed=2)[1]) != _ids(held)


def test_what_is_held_back_says_nothing_of_the_side_of_the_split():
    both = split(POOL, 10_000, 10_000, seed=0)
    for side in both:
        assert 0.15 < len(hold_back(side, seed=0)[1]) / len(side) < 0.35


def test_what_is_left_over_is_what_a_larger_discovery_would_take():
    taken = split(POOL, 100, 50, seed=1)
    rest = left_over(POOL, taken, seed=1)
    every = split(POOL, 10_000, 10_000, seed=1)
    assert set(_ids(rest)) == set(_ids(every.discovery)) - set(_ids(taken.discovery))
    assert not {normalise(p) for p in rest} & {normalise(p) for p in every.confirmation}
    assert left_over(POOL, every, seed=1) == ()


def test_nothing_is_held_back_of_too_few():
    for prompt in POOL[:20]:
        assert hold_back([prompt], seed=0) == ([prompt], [])
    assert hold_back([], seed=0) == ([], [])
