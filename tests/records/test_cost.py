"""Costs add up field by field."""

from functools import reduce
from operator import add

from whatchanged.records import Cost, Tokens

FIRST = Cost(
    scored_tokens=Tokens(base=1, candidate=2, reused=3),
    decoded_tokens=Tokens(base=10, candidate=20, reused=30),
    judge_calls=5,
)
SECOND = Cost(
    scored_tokens=Tokens(base=100, candidate=200, reused=300),
    decoded_tokens=Tokens(base=1000, candidate=2000, reused=3000),
    judge_calls=7,
)


def test_addition_keeps_the_fields_apart() -> None:
    assert (
        Cost(
            scored_tokens=Tokens(base=101, candidate=202, reused=303),
            decoded_tokens=Tokens(base=1010, candidate=2020, reused=3030),
            judge_calls=12,
        )
        == FIRST + SECOND
    )


def test_nothing_spent_adds_nothing() -> None:
    assert Cost() + FIRST == FIRST == FIRST + Cost()


def test_a_resumed_run_costs_what_an_uninterrupted_one_does() -> None:
    steps = [FIRST, SECOND, FIRST]
    resumed = Cost.model_validate_json((FIRST + SECOND).model_dump_json()) + FIRST
    assert resumed == reduce(add, steps, Cost())


def test_operands_are_left_alone() -> None:
    before = FIRST.model_dump()
    _ = FIRST + SECOND
    assert FIRST.model_dump() == before
