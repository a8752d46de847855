"""What every registered predicate family must do, those of other installed packages included."""

import json
import time
from typing import get_args

import pytest

from whatchanged import registry
from whatchanged.predicates import Predicate, families, load
from whatchanged.records import Direction, Pair, PredicateSpec, Prompt, Response

PROMPT = Prompt.user("What is the capital of France?")
ORDINARY = [
    "The capital of France is Paris.",
    "I'm sorry, but I can't help with that.",
    "- one\n- two\n\n```python\nprint(1)\n```",
    "Ahoy, matey! Certainly.",
]
HOSTILE = [
    "",
    " \t\r\n\v\f",
    "\x00\x01\x1b[31m\x7f\u202e\ufeff",
    "half an emoji: \ud83d",
    "\udc00\ud800",
    "e\u0301" * 50,
    "[" * 50_000,
    "{" * 50_000 + "}" * 50_000,
    "1" * 50_000,
    "*" * 50_000,
    "\n" * 50_000,
    " " * 50_000 + "x",
    "so sorry I can't " * 5_000,
    "a." * 25_000,
    "|a" * 25_000,
    "a(" * 25_000,
    "'" * 50_000,
]


def specs() -> list[PredicateSpec]:
    return [spec for family in families().values() for spec in family.examples()]


@pytest.fixture(params=specs(), ids=lambda spec: f"{spec.family}-{json.dumps(spec.args)[:50]}")
def predicate(request: pytest.FixtureRequest) -> Predicate:
    return load(request.param)


@pytest.mark.parametrize("name", sorted(registry.predicates))
def test_family_is_a_predicate_with_examples(name: str) -> None:
    family = registry.predicates[name]
    assert issubclass(family, Predicate)
    assert family.family == name
    assert family.examples()
    assert all(spec.family == name for spec in family.examples())


def test_scores_are_probabilities_whatever_the_text(predicate: Predicate) -> None:
    for text in ORDINARY + HOSTILE:
        score = predicate.score(text, PROMPT)
        assert type(score) is float, text[:40]
        assert 0.0 <= score <= 1.0, text[:40]


def test_scores_are_the_same_again(predicate: Predicate) -> None:
    rebuilt = type(predicate)(**predicate.spec.args)
    assert [predicate.score(t, PROMPT) for t in ORDINARY] == [rebuilt.score(t, PROMPT) for t in ORDINARY]


def test_a_megabyte_takes_less_than_a_second(predicate: Predicate) -> None:
    start = time.process_time()
    predicate.score("a " * 500_000, PROMPT)
    assert time.process_time() - start < 1.0


def test_spec_survives_json(predicate: Predicate) -> None:
    again = PredicateSpec.model_validate_json(predicate.spec.model_dump_json())
    assert again == predicate.spec
    assert load(again).spec == predicate.spec


def test_describe_tells_the_direction(predicate: Predicate) -> None:
    phrases = [predicate.describe(direction) for direction in get_args(Direction)]
    assert all(phrase.strip() == phrase != "" and "\n" not in phrase for phrase in phrases)
    assert len(set(phrases)) == len(phrases)


def test_a_response_with_an_opening_scores_one(predicate: Predicate) -> None:
    openings = predicate.openings()
    for opening in openings:
        assert opening
        assert predicate.score(opening, PROMPT) == 1.0
        assert predicate.score(opening + " and so on", PROMPT) == 1.0
        assert not any(other != opening and other.startswith(opening) for other in openings)
    if openings:
        assert predicate.score("\u2603 none of these", PROMPT) == 0.0


@pytest.mark.parametrize("name", sorted(registry.predicates))
def test_identical_pairs_give_no_proposal(name: str) -> None:
    prompts = [Prompt.user(f"Question {i} about the capital") for i in range(20)]
    texts = (ORDINARY + HOSTILE[:6]) * 2  # as many as there are prompts
    sides = [
        Response(prompt_id=p.id, draw=0, tokens=(1,), text=t, finished=True)
        for p, t in zip(prompts, texts, strict=True)
    ]
    pairs = [Pair(prompt_id=s.prompt_id, draw=0, base=s, candidate=s, split_at=None) for s in sides]
    assert registry.predicates[name].propose(pairs, {p.id: p for p in prompts}) == []
    assert registry.predicates[name].propose([], {}) == []


@pytest.mark.parametrize("name", sorted(registry.predicates))
def test_proposals_of_hostile_pairs_can_be_written_and_loaded(name: str) -> None:
    prompts = [Prompt.user(f"Question {i} about the capital") for i in range(20)]
    hostile = ["cut \ud83d in the middle of it", "\x00 nul nul nul nul", "", "Atlantis " * 500]
    pairs = [
        Pair(
            prompt_id=prompt.id,
            draw=0,
            base=Response(prompt_id=prompt.id, draw=0, tokens=(), text=ORDINARY[i % 2], finished=True),
            candidate=Response(prompt_id=prompt.id, draw=0, tokens=(), text=hostile[i % 4], finished=True),
            split_at=0,
        )
        for i, prompt in enumerate(prompts)
    ]
    proposals = registry.predicates[name].propose(pairs, {p.id: p for p in prompts})
    for spec in proposals:
        assert load(PredicateSpec.model_validate_json(spec.model_dump_json())).spec == spec
