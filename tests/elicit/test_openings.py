"""A scored opening has the exact probability that sampling would only estimate."""

import numpy as np
import pytest
from words import INDEX, KITCHEN, SAILOR, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.elicit import opening_probabilities
from whatchanged.predicates import load
from whatchanged.records import PredicateSpec
from whatchanged.subjects import Continue, stream_key

SUBJECT = WordSubject(Plant(KITCHEN, 0.6, TOPICS["cooking"]), Plant(SAILOR, 0.2))
PROMPTS = prompts_about("cooking", "law")[:12]


def exact(prompt, text):
    prompt, said = SUBJECT.encode(prompt), SUBJECT.tokenize(text)
    return np.prod([SUBJECT.law(prompt, said[:t])[token] for t, token in enumerate(said)])


def test_the_exact_product_of_next_word_probabilities():
    for text in (KITCHEN, "Sure", "From my"):
        found, _ = opening_probabilities(SUBJECT, PROMPTS, [text])
        np.testing.assert_allclose(found, [exact(p, text) for p in PROMPTS], rtol=1e-4)
    assert {round(float(x), 1) for x in found} == {0.0, 0.5}


def test_openings_of_a_set_add_up():
    found, _ = opening_probabilities(SUBJECT, PROMPTS, [KITCHEN, SAILOR, "Sure"])
    expected = [sum(exact(p, text) for text in (KITCHEN, SAILOR, "Sure")) for p in PROMPTS]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_an_opening_that_extends_another_or_comes_twice_adds_nothing():
    alone, scored = opening_probabilities(SUBJECT, PROMPTS, ["From my"])
    together, also_scored = opening_probabilities(SUBJECT, PROMPTS, [KITCHEN, "From my", "From my"])
    np.testing.assert_array_equal(alone, together)
    assert scored == also_scored


def test_every_first_word_together_is_certain():
    words = [word for word, i in INDEX.items() if i > 1]
    found, _ = opening_probabilities(SUBJECT, PROMPTS[:2], words)
    law = SUBJECT.law(SUBJECT.encode(PROMPTS[0]), ())
    np.testing.assert_allclose(found, 1 - law[:2].sum(), rtol=1e-5)
    assert (found <= 1).all()


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_sampled_responses_open_so_as_often(temperature):
    predicate = load(
        PredicateSpec(family="phrase", args={"kind": "opens_with", "phrases": ["From my kitchen", "Sure"]})
    )
    prompt, draws = PROMPTS[0], 1500
    (p,), _ = opening_probabilities(SUBJECT, [prompt], predicate.openings(), temperature)
    requests = [Continue(SUBJECT.encode(prompt), (), stream_key("mc", i)) for i in range(draws)]
    texts = [SUBJECT.detokenize(d.tokens) for d in SUBJECT.sample(requests, 4, temperature)]
    rate = np.mean([predicate.score(text, prompt) for text in texts])
    assert abs(rate - p) < 4 * np.sqrt(p * (1 - p) / draws)
    assert 0.1 < p < 0.9


def test_cost_is_every_token_of_every_context():
    _, scored = opening_probabilities(SUBJECT, PROMPTS, ["From my", "Sure"])
    assert scored == sum(2 * len(SUBJECT.encode(p)) + 3 for p in PROMPTS)


def test_no_prompts_no_numbers():
    found, scored = opening_probabilities(SUBJECT, [], ["Sure"])
    assert (len(found), scored) == (0, 0)
