"""Counts over prompts: log odds, standard errors and overlap by hand."""

import math

import pytest

from whatchanged.predicates.contrast import Support, by_prompt, differing, supports
from whatchanged.records import Pair, Response


def pair(prompt_id: str, base: str, candidate: str) -> Pair:
    sides = [Response(prompt_id=prompt_id, draw=0, tokens=(), text=t, finished=True) for t in (base, candidate)]
    return Pair(prompt_id=prompt_id, draw=0, base=sides[0], candidate=sides[1], split_at=0)


def test_log_odds_and_z_by_hand() -> None:
    support = Support("x", n=8, base=set(), candidate=set("abcd"))
    assert support.log_odds == pytest.approx(math.log(4.5 / 4.5) - math.log(0.5 / 8.5))
    assert support.z == pytest.approx(support.log_odds / math.sqrt(2 / 4.5 + 1 / 0.5 + 1 / 8.5))


@pytest.mark.parametrize(("base", "candidate", "p"), [("", "abcd", 0.125), ("a", "bcd", 0.625), ("ab", "cd", 1.0)])
def test_chance_is_the_sign_test(base: str, candidate: str, p: float) -> None:
    assert Support("x", n=8, base=set(base), candidate=set(candidate)).chance == pytest.approx(p)


def test_supports_count_prompts_not_draws() -> None:
    found = {
        s.feature: s for s in supports([pair("p", "a", "b a"), pair("p", "c", "b"), pair("q", "a", "a")], str.split)
    }
    assert (found["a"].base, found["a"].candidate, found["a"].n) == ({"p", "q"}, {"p", "q"}, 2)
    assert (found["b"].base, found["b"].candidate) == (set(), {"p"})


def test_overlap_tells_the_sides_apart() -> None:
    gained, lost = Support("x", 4, candidate={"p", "q"}), Support("y", 4, base={"p", "q"})
    assert gained.overlap(lost) == 0
    assert gained.overlap(Support("z", 4, candidate={"p"})) == 0.5


def test_differing_looks_at_the_words() -> None:
    assert [p.prompt_id for p in differing([pair("p", "a", "a"), pair("q", "a", "b")])] == ["q"]


def test_by_prompt_gathers_draws() -> None:
    assert {k: len(v) for k, v in by_prompt([pair("p", "", ""), pair("q", "", ""), pair("p", "", "")]).items()} == {
        "p": 2,
        "q": 1,
    }
