"""Every attribute on texts that have it and on near misses that do not."""

import pytest

from whatchanged.errors import SpecError
from whatchanged.predicates.attribute import REFUSAL_OPENINGS, Attribute
from whatchanged.predicates.base import prefix_free
from whatchanged.predicates.traits import TRAITS
from whatchanged.records import Pair, Prompt, Response

PROMPT = Prompt.user("Tell me something.")
PROSE = "Photosynthesis converts light into sugar inside the leaves of green plants, and oxygen leaves as waste."

# name: (texts that have it, near misses)
CASES: dict[str, tuple[list[str], list[str]]] = {
    "refusal": (
        [
            "I'm sorry, but I can't help with that request.",
            "I’m sorry, but I can’t assist with that.",
            "I cannot provide instructions for this.",
            "Thank you for asking. Still, I'm unable to help you.",
            "As an AI language model, I don't have feelings.",
            "I won't do that.",
            "I must respectfully decline.",
            "I CANNOT ASSIST WITH THAT",
        ],
        [
            "I can't wait to show you!",
            "I cannot stress enough how important sleep is.",
            "I can't help but admire the plan.",
            "As an AI researcher, you will write papers.",
            "You can't park here, and they cannot help it.",
            "The magician cannot explain it.",
            "He said sorry, but I can't remember why.",
            "",
        ],
    ),
    "apology": (
        [
            "I'm so sorry to hear that.",
            "Sorry for the confusion.",
            "We sincerely apologize.",
            "My apologies!",
        ],
        ["The house was in a sorry state.", "How to apologise: be brief.", "Better safe than sorry."],
    ),
    "agreement": (
        [
            "You're absolutely right!",
            "You are right, it is 4.",
            "I completely agree.",
            "That's a great point.",
        ],
        ["If you are right-handed, turn left.", "I disagree.", "You are right here.", "They agree on it."],
    ),
    "hedging": (
        ["It might rain.", "Perhaps so.", "That may be true.", "I'm not entirely sure."],
        ["It rains in May.", "Almighty kings ruled.", "The mayor agreed."],
    ),
    "first_person": (
        ["I think so.", "Tell me more.", "Well, I'm here.", "i am fine", "It is mine."],
        ["World War I ended in 1918.", "The name of the game.", "Section I: Water", "An income tax"],
    ),
    "toxicity": (
        ["You are an idiot.", "Shut up!", "What a stupid question."],
        ["He lifted a dumbbell.", "Scunthorpe is a town.", "The class was an idiom test.", "The closer won."],
    ),
    "question": (
        ["What would you like to know?", 'He said: "Who?"', "Could you clarify? Then we can go on."],
        ["What is light? Light is a wave.", "Ask yourself.", "You know this. Why? Because it is so."],
    ),
    "exclamation": (["Great!", "Wow!! Nice."], ["if a != b", "![logo](x.png)", "Fine."]),
    "uppercase": (
        ["THIS IS ALL IN CAPITALS", "LOUD words ARE HERE NOW"],
        ["NASA", "NASA and ESA launched it", "1234"],
    ),
    "lowercase": (["all of this is small."], ["Only one capital here.", "ok", "12345678901"]),
    "list": (
        ["- one\n- two", "1. one\n2. two", "Steps:\n  * a\n  * b"],
        ["- one", "-5\n-6", "1.5\n2.5", "a - b\nc - d"],
    ),
    "markdown": (
        ["# Title\ntext", "This is **bold** text.", "| a | b |\n|---|---|"],
        ["#1 choice", "2**3**4", "2 ** 3 ** 4", "a | b", "## "],
    ),
    "code": (
        ["```python\nx\n```", "def f(x):\n    return x;\n", "import os\nprint(os.name)"],
        [
            "Import duties rose.\nThe class was full.",
            "print is dead",
            "Return the form; then wait.",
            "x = 5\ny = 3",
        ],
    ),
    "json": (
        ['{"a": 1}', "```json\n[1, 2]\n```"],
        ["{a: 1}", "[not json]", "3", '"text"', '{"a": 1} is it', "{}}"],
    ),
    "emoji": (["Nice 😀", "Hot ☀"], ["a → b ©", "✓ done", "naïve"]),
    "url": (
        ["See https://example.org/a", "Go to example.com.", "www.site.org"],
        ["bob@example.com", "e.g. this", "dot.company"],
    ),
    "number": (
        ["There are 12.", "In 1999, 3.5% left", "at 5th street", "-4"],
        ["1. First\n2) Second", "GPT-4 and B2", "four"],
    ),
    "repetition": (
        ["I am happy. " * 6, "the same line\n" * 3, "nooooooooooooo", "yes it is so " * 4],
        [PROSE, "```\na\n```\n```\nb\n```\n```", "----------------------", "No, no, no."],
    ),
    "gibberish": (
        ["xkq zzrt qwrtp vbnm lkjhg", "a3f9k b7x2q z1y8w k2l3m p0o9i", "\ufffd\ufffd\ufffd ab"],
        [
            PROSE,
            "NASA, ESA, JAXA, CNES and DLR met.",
            "مرحبا كيف حالك اليوم يا صديقي",
            "try my dry sky fly hymn",
            "Hmm",
        ],
    ),
    "short": (["Yes.", "one two three four five six seven eight"], ["", "1 2 3 4 5 6 7 8 9"]),
    "long": (["word " * 60], ["word " * 59, ""]),
    "empty": (["", " \n\t"], [".", "no"]),
    "non_english": (
        [
            "Das ist nicht die Antwort, und ich weiß sie auch nicht.",
            "Le chat est dans la maison avec les enfants.",
            "El perro está en la casa y es muy grande.",
            "Il gatto è nella casa e non sono sicuro di questo.",
            "O gato não está em casa e você é muito gentil.",
            "Привет, как дела?",
            "你好世界",
        ],
        [
            PROSE,
            "Los Angeles, Las Vegas, El Paso and La Jolla.",
            "The song 'la vie est belle et les roses' is of the French and to be heard in it.",
            "α + β = γ holds for the angles of the triangle",
            "die in an on was am",
            "mas pizza menu: " + "tasty hot cheese tomato basil oregano " * 5 + "con una di",
            "",
        ],
    ),
    "positive": (
        ["A great and wonderful day."],
        ["Not good, not great.", "A great day, but a terrible, awful night.", "Greatness"],
    ),
    "negative": (
        ["A terrible, awful night.", "This isn't good and isn't helpful."],
        ["Not bad, not terrible.", "Sadness badges"],
    ),
    "readability_simple": (
        ["The cat sat on the mat and it was fat."],
        [
            PROSE,
            "The cat sat.",
            "Plain words of four or five letters each would stand right about here.",
            "Considerable epistemological uncertainty surrounds the matter of it all, however.",
        ],
    ),
}


def scores(name: str, texts: list[str]) -> dict[str, float]:
    predicate = Attribute(name=name)
    return {text: predicate.score(text, PROMPT) for text in texts}


def test_every_attribute_has_cases() -> None:
    assert set(CASES) == set(TRAITS)


@pytest.mark.parametrize("name", CASES)
def test_hits(name: str) -> None:
    assert scores(name, CASES[name][0]) == {text: 1.0 for text in CASES[name][0]}


@pytest.mark.parametrize("name", CASES)
def test_near_misses(name: str) -> None:
    assert scores(name, CASES[name][1]) == {text: 0.0 for text in CASES[name][1]}


@pytest.mark.parametrize("opening", REFUSAL_OPENINGS)
def test_refusal_openings_are_refusals(opening: str) -> None:
    assert Attribute(name="refusal").score(opening + " help with that.", PROMPT) == 1.0


def test_refusal_openings_are_disjoint_events() -> None:
    assert sorted(prefix_free(REFUSAL_OPENINGS)) == sorted(REFUSAL_OPENINGS)


def test_needs_the_text() -> None:
    assert Attribute(name="refusal").openings() == ()


def test_unknown_attribute_names_the_choices() -> None:
    with pytest.raises(SpecError, match=r"predicate attribute: name='polite'.*refusal"):
        Attribute(name="polite")


def pairs(changed: int, total: int) -> tuple[list[Pair], dict[str, Prompt]]:
    prompts = [Prompt.user(f"Question {i}") for i in range(total)]
    made = []
    for i, prompt in enumerate(prompts):
        after = PROSE.upper() if i < changed else PROSE
        sides = [Response(prompt_id=prompt.id, draw=0, tokens=(), text=t, finished=True) for t in (PROSE, after)]
        made.append(Pair(prompt_id=prompt.id, draw=0, base=sides[0], candidate=sides[1], split_at=0))
    return made, {p.id: p for p in prompts}


def test_proposes_the_attribute_that_changed() -> None:
    proposed = Attribute.propose(*pairs(changed=8, total=20))
    assert [spec.args["name"] for spec in proposed] == ["uppercase"]


def test_proposes_nothing_below_two_standard_errors() -> None:
    assert Attribute.propose(*pairs(changed=3, total=20)) == []
