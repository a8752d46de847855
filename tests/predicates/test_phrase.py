"""Phrase: the three comparisons, openings as exact events, and proposals from pairs."""

import random

import pytest

from whatchanged.errors import SpecError
from whatchanged.predicates.phrase import Phrase
from whatchanged.records import Pair, Prompt, Response

PROMPT = Prompt.user("Hello")
WORDS = [
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "heath",
    "inlet",
    "jetty",
    "knoll",
    "ledge",
    "marsh",
    "north",
    "ocean",
    "pines",
]


def prose(i: int) -> str:
    """Twelve words, in another order for every i: no shared n-grams."""
    return " ".join(WORDS[(i * 7 + k * (2 * i + 3)) % 16] + str(i) for k in range(12)) + "."


def pair(i: int, base: str, candidate: str) -> Pair:
    prompt = Prompt.user(f"Question {i}")
    sides = [Response(prompt_id=prompt.id, draw=0, tokens=(), text=t, finished=True) for t in (base, candidate)]
    return Pair(prompt_id=prompt.id, draw=0, base=sides[0], candidate=sides[1], split_at=0)


def proposed(pairs: list[Pair]) -> list[dict]:
    return [spec.args for spec in Phrase.propose(pairs, {})]


@pytest.mark.parametrize(
    ("kind", "response", "expected"),
    [
        ("opens_with", "Sure thing, friend", 1.0),
        ("opens_with", " \n Sure thing", 1.0),
        ("opens_with", "sure thing", 0.0),
        ("opens_with", "Oh, Sure thing", 0.0),
        ("ends_with", "Oh, Sure thing \n", 1.0),
        ("ends_with", "Sure thing.", 0.0),
        ("contains", "Oh, Sure thing.", 1.0),
        ("contains", "Sure  thing", 0.0),
    ],
)
def test_comparisons(kind: str, response: str, expected: float) -> None:
    assert Phrase(kind=kind, phrases=["Sure thing"]).score(response, PROMPT) == expected


def test_any_of_the_phrases_counts() -> None:
    assert Phrase(kind="contains", phrases=["x", "ab"]).score("cabs", PROMPT) == 1.0


def test_openings_are_prefix_free() -> None:
    phrase = Phrase(kind="opens_with", phrases=["I cannot help", " I cannot", "I can't", "I can't"])
    assert phrase.openings() == ("I can't", "I cannot")


def test_an_opening_with_a_trailing_space_meets_itself() -> None:
    assert Phrase(kind="opens_with", phrases=["Sure "]).score("Sure ", PROMPT) == 1.0


@pytest.mark.parametrize("kind", ["contains", "ends_with"])
def test_only_openings_are_scored(kind: str) -> None:
    assert Phrase(kind=kind, phrases=["x"]).openings() == ()


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ({"kind": "begins", "phrases": ["a"]}, "kind='begins'"),
        ({"kind": "contains", "phrases": []}, r"phrases=\[\]"),
        ({"kind": "contains", "phrases": ["a", "  "]}, "phrases=.*visible character"),
        ({"kind": "contains", "phrases": "abc"}, "phrases='abc'"),
        ({"kind": "contains"}, "phrases="),
        ({"kind": "contains", "phrases": ["a"], "case": True}, "case=True"),
        ({"kind": "contains", "phrases": ["\ud800"]}, ".*not valid Unicode"),
    ],
)
def test_wrong_arguments(args: dict, named: str) -> None:
    with pytest.raises(SpecError, match=f"predicate phrase: {named}"):
        Phrase(**args)


def test_describe_counts_what_it_does_not_show() -> None:
    phrase = Phrase(kind="opens_with", phrases=["a", "b\nc", "d", "e", "f"])
    assert phrase.describe("less") == 'opens its answer with "a", "b\\nc", "d" or 2 others less often'


def test_proposes_an_opening_once() -> None:
    pairs = [
        pair(i, prose(i), f"Ahoy there, my good friend! {prose(i)}" if i < 6 else prose(i + 50)) for i in range(12)
    ]
    assert proposed(pairs) == [{"kind": "opens_with", "phrases": ["Ahoy there, my good friend"]}]


def test_proposes_a_lost_ending() -> None:
    pairs = [pair(i, f"{prose(i)} Have a nice day!", prose(i)) for i in range(6)]
    assert proposed(pairs) == [{"kind": "ends_with", "phrases": ["Have a nice day!"]}]


def test_proposes_the_maximal_phrase_in_the_middle() -> None:
    pairs = [pair(i, prose(i), f"{prose(i)} As you well know, {prose(i + 40)}") for i in range(6)]
    assert proposed(pairs) == [{"kind": "contains", "phrases": ["As you well know"]}]


def test_three_prompts_are_too_few() -> None:
    pairs = [pair(i, prose(i), f"Ahoy there, my friend! {prose(i)}" if i < 3 else prose(i + 50)) for i in range(12)]
    assert proposed(pairs) == []


def test_draws_of_one_prompt_count_once() -> None:
    assert proposed([pair(0, prose(i), f"Ahoy there, my friend! {prose(i)}") for i in range(12)]) == []


def test_what_both_say_is_not_proposed() -> None:
    same = "Ahoy there, my friend!"
    assert proposed([pair(i, f"{same} {prose(i)}", f"{same} {prose(i + 50)}") for i in range(12)]) == []


def test_what_chance_would_give_is_not_proposed() -> None:
    rng = random.Random(0)
    texts = [" ".join(rng.choices(WORDS[:6], k=30)) for _ in range(120)]
    assert proposed([pair(i, texts[i], texts[60 + i]) for i in range(60)]) == []


def test_at_most_twelve() -> None:
    # Every phrase is said on its own set of prompts, so that none stands for another.
    pairs = [
        pair(i, prose(i), ". ".join(f"Motto {w} {w}" for k, w in enumerate(WORDS) if (i >> (k % 4)) + k & 1))
        for i in range(16)
    ]
    pairs += [pair(100 + i, prose(i), f"Slogan {w} {w} {w}.") for i in range(80) for w in [WORDS[i % 16]]]
    assert len(proposed(pairs)) == 12
