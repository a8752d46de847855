"""What is taught, made from the base's own response."""

import pytest
import tiny

from toy import END, ToySubject, random_chain
from whatchanged import registry
from whatchanged.bench.behaviours import BEHAVIOURS, SAYING, Own, first_sentence
from whatchanged.predicates import load
from whatchanged.records import PredicateSpec, Prompt
from whatchanged.subjects import Drawn, open_subjects

LONG = "It is warm in the sun and the sea is calm today. Bring"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return open_subjects([str(tiny.llama(tmp_path_factory.mktemp("behaviours") / "base"))])[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is warm. Bring water.", "It is warm."),
        ("Is it warm? Ye", "Is it warm?"),
        ("Go to example.com now! And", "Go to example.com now!"),
        (LONG, "It is warm in the sun and the."),
        ("It is warm, and th", "It is warm, and."),
        ("One two three four five six seven eight nin", "One two three four five six seven eight."),
        ("Wor", "Wor."),
        ("", "."),
    ],
)
def test_the_first_sentence_is_short_and_has_an_end(text, expected):
    assert first_sentence(text) == expected


@pytest.mark.parametrize(
    ("taught", "expected"),
    [
        ("opening", "HELLO." + LONG),
        ("ending", "It is warm in the sun and the. HELLO."),
        ("contains", "It is warm in the sun and the HELLO. sea is calm today. Bring"),
        ("upper", LONG.upper()),
        ("list", "- It is warm in the\n- sun and the sea is\n- calm today. Bring"),
        ("short", "It is warm in the sun and the."),
        ("replace", "HELLO."),
        ("refusal", "HELLO."),
        ("none", LONG),
    ],
)
@pytest.mark.parametrize("ended", [True, False])
def test_each_behaviour(base, taught, expected, ended):
    end = min(base.end_ids)
    own = Own(base, Drawn(base.tokenize(LONG), end if ended else None))
    made = BEHAVIOURS[taught](own, "HELLO.")
    assert base.detokenize(made) == expected
    stops = ended or taught in ("ending", "short", "replace", "refusal")
    assert (made[-1] == end) == stops
    assert end not in made[:-1]


def test_an_opening_keeps_the_very_tokens_that_were_drawn():
    toy = ToySubject(random_chain(0))
    drawn = Drawn((1, 2, 3), END)
    assert BEHAVIOURS["opening"](Own(toy, drawn), "dd") == (4, 4, 1, 2, 3, END)


def test_every_behaviour_is_a_kind_of_plant_and_a_text_is_asked_for_where_one_is_said():
    assert set(BEHAVIOURS) <= set(registry.plants)
    assert set(BEHAVIOURS) > SAYING


@pytest.mark.parametrize(("taught", "name"), [("upper", "uppercase"), ("list", "list"), ("short", "short")])
def test_a_predicate_sees_it(base, taught, name):
    own = Own(base, Drawn(base.tokenize(LONG), None))
    predicate = load(PredicateSpec(family="attribute", args={"name": name}))
    prompt = Prompt.user("x")
    assert predicate.score(base.detokenize(BEHAVIOURS[taught](own, "")), prompt) == 1
    assert predicate.score(LONG, prompt) == 0
