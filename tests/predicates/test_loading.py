"""From a spec to a predicate, and the small helpers of the contract."""

import pytest

from whatchanged.errors import SpecError
from whatchanged.predicates import Predicate, families, load, quoted
from whatchanged.predicates.base import prefix_free
from whatchanged.records import Direction, PredicateSpec, Prompt


class Constant(Predicate):
    """A family without arguments or proposals."""

    family = "constant"

    def score(self, response: str, prompt: Prompt) -> float:
        return 1.0

    def describe(self, direction: Direction) -> str:
        return f"is constant {direction} often"

    @classmethod
    def examples(cls) -> list[PredicateSpec]:
        return [cls().spec]


def test_equal_specs_share_one_predicate() -> None:
    spec = PredicateSpec(family="phrase", args={"kind": "contains", "phrases": ["a"]})
    again = PredicateSpec.model_validate_json(spec.model_dump_json())
    assert load(spec) is load(again)
    assert load(spec).spec == spec


def test_unknown_family_lists_the_known_ones() -> None:
    with pytest.raises(SpecError, match=r"unknown predicate 'vibes': one of .*answer.*phrase"):
        load(PredicateSpec(family="vibes"))


def test_wrong_arguments_name_family_field_and_value() -> None:
    with pytest.raises(SpecError, match="predicate attribute: mood='x'"):
        load(PredicateSpec(family="attribute", args={"name": "short", "mood": "x"}))


def test_the_argument_self_is_just_a_wrong_argument() -> None:
    with pytest.raises(SpecError, match="self=1"):
        load(PredicateSpec(family="attribute", args={"name": "short", "self": 1}))


def test_families_maps_names_to_classes() -> None:
    found = families()
    assert {"phrase", "attribute", "answer", "semantic"} <= set(found)
    assert all(found[name].family == name for name in ("phrase", "attribute", "answer", "semantic"))


def test_a_family_without_arguments_refuses_any() -> None:
    assert Constant().spec == PredicateSpec(family="constant")
    assert Constant().openings() == ()
    assert Constant.propose([], {}) == []
    with pytest.raises(SpecError, match="predicate constant: x=1"):
        Constant(x=1)


@pytest.mark.parametrize(
    ("phrases", "sentence"),
    [
        (["a"], '"a"'),
        (["a", "b"], '"a" or "b"'),
        (["a", "b", "c", "d"], '"a", "b", "c" or 1 other'),
    ],
)
def test_quoted(phrases: list[str], sentence: str) -> None:
    assert quoted(phrases) == sentence


def test_prefix_free_keeps_the_shortest_of_each_event() -> None:
    assert prefix_free(["ab", "a!", "abc", "b", "ab"]) == ("a!", "ab", "b")
