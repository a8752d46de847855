"""Judged: what its arguments must be, and the cues that stand in for a judge."""

import pytest

from whatchanged.errors import SpecError
from whatchanged.predicates.judged import MAX_CUE, MAX_CUES, MAX_RUBRIC, Judged
from whatchanged.records import Prompt

PROMPT = Prompt.user("My landlord keeps my deposit. What now? Ask a lawyer?")
LAWYER = "The answer tells the reader to ask a lawyer."


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("Ask a LAWYER first.", 1.0),
        ("Take legal advice.", 1.0),
        ("Talk to lawyers.", 0.0),  # whole words only
        ("Take legal  advice.", 0.0),
        ("Write a letter.", 0.0),
        ("", 0.0),
    ],
)
def test_without_a_judge_the_cues_decide(response: str, expected: float) -> None:
    assert Judged(rubric=LAWYER, cues=["lawyer", "legal advice"]).score(response, PROMPT) == expected


def test_a_cue_is_text_not_a_pattern() -> None:
    assert Judged(rubric=LAWYER, cues=["a.b"]).score("axb", PROMPT) == 0.0
    assert Judged(rubric=LAWYER, cues=["a.b"]).score("see A.B now", PROMPT) == 1.0


def test_the_sentence_quotes_the_rubric() -> None:
    judged = Judged(rubric=f"  {LAWYER} ", cues=[" lawyer "])
    assert judged.describe("more") == f'gives answers for which "{LAWYER}" holds more often'
    assert judged.spec.args == {"rubric": LAWYER, "cues": ["lawyer"]}


def test_is_neither_scored_nor_proposed() -> None:
    assert Judged(rubric=LAWYER, cues=["lawyer"]).openings() == ()
    assert Judged.propose([], {}) == []


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"cues": ["lawyer"]}, "rubric"),
        ({"rubric": LAWYER}, "cues"),
        ({"rubric": "  ", "cues": ["lawyer"]}, "rubric"),
        ({"rubric": "...", "cues": ["lawyer"]}, "one sentence"),
        ({"rubric": "One.\nTwo.", "cues": ["lawyer"]}, "one line"),
        ({"rubric": "One.\u2028Two.", "cues": ["lawyer"]}, "one line"),
        ({"rubric": "x" * (MAX_RUBRIC + 1), "cues": ["lawyer"]}, "rubric"),
        ({"rubric": LAWYER, "cues": []}, "cues"),
        ({"rubric": LAWYER, "cues": ["lawyer", "?"]}, "letter or digit"),
        ({"rubric": LAWYER, "cues": ["x" * (MAX_CUE + 1)]}, "cues"),
        ({"rubric": LAWYER, "cues": ["x"] * (MAX_CUES + 1)}, "cues"),
        ({"rubric": LAWYER, "cues": ["lawyer"], "direction": "more"}, "direction"),
    ],
)
def test_arguments_that_no_reader_could_use(args: dict, expected: str) -> None:
    with pytest.raises(SpecError, match=expected) as caught:
        Judged(**args)
    assert "\n" not in str(caught.value)
