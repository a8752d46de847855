import json

import pytest
from scripted import Scripted

from whatchanged.predicates import families
from whatchanged.roles.choice import choices, chosen, numbered
from whatchanged.roles.evidence import KnownClaim
from whatchanged.roles.reasoner import reason

OFFERED = choices()


def said(reply: str) -> list[int] | None:
    """The numbers that were read."""
    picked = chosen(reply, OFFERED)
    return None if picked is None else [OFFERED.index(choice) + 1 for choice in picked]


def test_every_attribute_is_offered_both_ways():
    assert len(OFFERED) == 2 * len(families()["attribute"].examples())
    assert len({choice.sentence for choice in OFFERED}) == len(OFFERED)
    lines = numbered(OFFERED).splitlines()
    assert lines[0] == f"1. {OFFERED[0].sentence}"
    assert len(lines) == len(OFFERED)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("14, 3", [14, 3]),
        ("I choose:\n(7) and (2)", [7]),
        ("I choose:\n7, 2.", [7, 2]),
        ("2. It apologises less.\n- 9: it lists\n**4** because", [2, 9, 4]),
        ("5\n5\n6\n7\n8", [5, 6, 7]),
        ("0", []),
        ("999", None),
        ("0, 3", [3]),
        ("In 3 of the pairs there is a list.", None),
        ("", None),
    ],
)
def test_numbers_are_read_where_they_are_an_answer(reply, expected):
    assert said(reply) == expected


def test_a_reply_without_a_list_may_be_mended_by_choosing(evidence):
    known = [KnownClaim(OFFERED[1].sentence, "refuted")]
    waiting = iter(["It is the kitchen.", "2, 1"])
    model = Scripted(lambda ask: next(waiting))
    reasoned = reason(model, evidence, known, seed=0)
    # What is known is not offered, so the second line is the third claim of all.
    assert [p.sentence for p in reasoned.proposals] == [OFFERED[2].sentence, OFFERED[0].sentence]
    assert (reasoned.malformed, reasoned.replies) == (0, 2)
    assert OFFERED[1].sentence not in model.asks[1].messages[-1].content


def test_numbers_choose_nothing_where_a_list_is_to_be_mended(evidence):
    waiting = iter([json.dumps([{"region": {"kind": "everywhere"}}]), "1, 2"])
    reasoned = reason(Scripted(lambda ask: next(waiting)), evidence, [], seed=0)
    assert reasoned[:2] == ([], 1)
