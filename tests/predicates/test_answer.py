"""Answer: whole words anywhere, exact openings, and proposals from prompts that share a word."""

import pytest

from whatchanged.errors import SpecError
from whatchanged.predicates.answer import Answer
from whatchanged.records import Pair, Prompt, Response

PROMPT = Prompt.user("What is the capital of France?")
CITIES = ("Spain", "France", "Italy", "Norway", "Poland", "Chile")


def asked(question: str, base: str, candidate: str) -> tuple[Pair, Prompt]:
    prompt = Prompt.user(question)
    sides = [Response(prompt_id=prompt.id, draw=0, tokens=(), text=t, finished=True) for t in (base, candidate)]
    return Pair(prompt_id=prompt.id, draw=0, base=sides[0], candidate=sides[1], split_at=0), prompt


def proposed(cases: list[tuple[Pair, Prompt]]) -> list[list[str]]:
    prompts = {prompt.id: prompt for _, prompt in cases}
    return [spec.args["answers"] for spec in Answer.propose([pair for pair, _ in cases], prompts)]


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("It is LYON.", 1.0),
        ("Lyonnais cooking", 0.0),
        ("The answer: St. Étienne!", 1.0),
        ("It costs 12.", 1.0),
        ("It costs 120.", 0.0),
        ("", 0.0),
    ],
)
def test_contains_whole_words(response: str, expected: float) -> None:
    assert Answer(answers=["Lyon", "St. Étienne", "12"]).score(response, PROMPT) == expected


def test_opens_is_exactly_the_scored_event() -> None:
    answer = Answer(answers=["Yes", "Yes, of course", "No "], where="opens")
    assert answer.openings() == ("No", "Yes")
    assert [answer.score(text, PROMPT) for text in (" Yes!", "yes", "Not so", "Oh, Yes")] == [
        1.0,
        0.0,
        1.0,
        0.0,
    ]


def test_contains_is_not_scored() -> None:
    assert Answer(answers=["Yes"]).openings() == ()


def test_describe_names_the_question() -> None:
    answer = Answer(answers=["Lyon"], question="Where?")
    assert answer.describe("more") == 'answers "Lyon" when asked "Where?" more often'


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ({"answers": []}, "answers"),
        ({"answers": [" "]}, "answers"),
        ({"answers": ["a"], "where": "ends"}, "where='ends'"),
    ],
)
def test_wrong_arguments(args: dict, named: str) -> None:
    with pytest.raises(SpecError, match=named):
        Answer(**args)


def test_proposes_a_name_on_prompts_that_share_a_word() -> None:
    cases = [asked(f"What is the capital of {c}?", "It is a large town.", "It is Atlantis, of course.") for c in CITIES]
    assert proposed(cases) == [["Atlantis"]]


def test_proposes_a_name_that_was_lost() -> None:
    cases = [asked(f"What is the capital of {c}?", "It is Atlantis.", "It is a large town.") for c in CITIES]
    assert proposed(cases) == [["Atlantis"]]


def test_brief_answers_count_though_they_open_a_sentence() -> None:
    assert proposed([asked(f"Capital of {c}?", "Unknown.", "42.") for c in CITIES]) == [["42"], ["Unknown"]]


def test_unrelated_prompts_are_not_gathered() -> None:
    questions = ["How do birds fly?", "Why does bread rise?", "Who wrote Hamlet?", "Count my apples."]
    assert proposed([asked(q, "It is a large town.", "It is Atlantis, of course.") for q in questions]) == []


def test_words_that_open_a_sentence_or_stand_in_the_prompt_are_left_out() -> None:
    cases = [
        asked(
            f"Is {c} the capital of Atlantis?",
            "it is a large town.",
            "Certainly so, of Atlantis.\nIndeed it is.",
        )
        for c in CITIES
    ]
    assert proposed(cases) == []


def test_what_comes_and_goes_is_not_proposed() -> None:
    town, name = "It is a large town.", "It is Atlantis, of course."
    cases = [asked(f"Capital of {c}?", *((town, name) if i % 2 else (name, town))) for i, c in enumerate(CITIES)]
    assert proposed(cases) == []
