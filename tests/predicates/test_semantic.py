"""Semantic: a frozen direction of hashed words, fitted on one half and checked on the other."""

import random

import numpy as np
import pytest

from whatchanged.errors import SpecError
from whatchanged.predicates import load
from whatchanged.predicates.hashing import DIMENSION, bucket, terms, vector
from whatchanged.predicates.semantic import Semantic
from whatchanged.records import Pair, Prompt, Response

PLAIN = [
    "water",
    "stone",
    "paper",
    "light",
    "green",
    "table",
    "river",
    "music",
    "garden",
    "window",
    "market",
    "summer",
    "engine",
    "letter",
    "bridge",
]
PIRATE = ["ahoy", "matey", "plunder", "galleon", "treasure", "captain", "anchor"]
PROMPT = Prompt.user("Hello")


def sentence(rng: random.Random, extra: list[str]) -> str:
    return " ".join(rng.sample(PLAIN, 8) + rng.sample(extra, min(3, len(extra))))


def pairs(extra: list[str], total: int = 40) -> list[Pair]:
    rng = random.Random(0)
    made = []
    for i in range(total):
        prompt = Prompt.user(f"Question {i}")
        texts = sentence(rng, []), sentence(rng, extra)
        sides = [Response(prompt_id=prompt.id, draw=0, tokens=(), text=t, finished=True) for t in texts]
        made.append(Pair(prompt_id=prompt.id, draw=0, base=sides[0], candidate=sides[1], split_at=0))
    return made


def test_finds_a_style_and_tells_fresh_answers_apart() -> None:
    (spec,) = Semantic.propose(pairs(PIRATE), {})
    predicate, rng = load(spec), random.Random(1)
    fresh = [predicate.score(sentence(rng, extra), PROMPT) for extra in (PIRATE, []) for _ in range(50)]
    assert sum(fresh[:50]) >= 45
    assert sum(fresh[50:]) <= 5
    assert set(spec.args["words"]) <= set(PIRATE)


def test_the_same_style_is_no_proposal() -> None:
    assert Semantic.propose(pairs([]), {}) == []


def test_too_few_prompts_are_no_proposal() -> None:
    assert Semantic.propose(pairs(PIRATE, total=15), {}) == []


def test_direction_is_short_and_rounded() -> None:
    (spec,) = Semantic.propose(pairs(PIRATE), {})
    weights = [weight for _, weight in spec.args["direction"]]
    assert 1 <= len(weights) <= 64
    assert all(weight == round(weight, 4) != 0 for weight in weights)


def test_describe_says_the_words() -> None:
    text = load(Semantic.examples()[0]).describe("more")
    assert text == 'uses words such as "ahoy" or "matey" rather than "certainly" more often'


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"direction": []}, "direction"),
        ({"direction": [(DIMENSION, 1.0)]}, "direction.0.0=1024"),
        ({"direction": [(0, float("nan"))]}, "direction.0.1=nan"),
        ({"threshold": "far"}, "threshold='far'"),
        ({"words": []}, "words"),
    ],
)
def test_wrong_arguments(change: dict, named: str) -> None:
    good = {"direction": [(0, 1.0)], "threshold": 0.0, "words": ["a"]}
    Semantic(**good)
    with pytest.raises(SpecError, match=named):
        Semantic(**(good | change))


def test_buckets_do_not_depend_on_the_process() -> None:
    assert [bucket(term) for term in ("ahoy", "help-", "\ud800")] == [786, 871, 296]


def test_vector_has_unit_length_or_none() -> None:
    assert np.linalg.norm(vector("Helpful words, helpful words.")) == pytest.approx(1)
    assert not vector("1 2 3 …").any()


def test_terms_are_words_and_stems() -> None:
    assert terms("Helpful help") == {"helpful": 1, "help-": 1, "help": 1}
