"""Variants at which the base hardly prefers one first word to another."""

import numpy as np
import pytest
from rare import search_evidence
from words import KITCHEN, Plant, WordSubject, prompts_about

from whatchanged.pools import normalise
from whatchanged.records import Message, Prompt
from whatchanged.search.uncertainty import ASIDES, PER_PARENT, Uncertainty, first_margins, request_of, variants
from whatchanged.subjects import Context

POOL = prompts_about()[:60]
PLENTY = 10**6


@pytest.fixture
def evidence(new_ledger):
    """A base whose first word depends on the prompt."""
    base, candidate = WordSubject(drift=0.4), WordSubject(Plant(KITCHEN, 0.2), drift=0.4)
    return search_evidence(new_ledger(), base, candidate, POOL)


def margins(evidence, prompts):
    laws = [evidence.base.law(evidence.base.encode(p), ()) for p in prompts]
    return np.array([np.diff(np.log(np.sort(law)[-2:]))[0] for law in laws])


def test_what_it_proposes_is_nearer_the_border_than_the_pool(evidence):
    proposed = Uncertainty().find(evidence, PLENTY)
    made = margins(evidence, proposed.prompts)
    assert len(made) > 20
    assert made.max() < np.median(margins(evidence, POOL))
    assert (np.diff(made) >= -1e-6).all()
    assert f"proposed: {made.min():.2f} to {made.max():.2f}" in proposed.note


def test_margins_are_of_the_first_position_at_the_temperature_of_the_audit(new_ledger):
    base = WordSubject(drift=0.4)
    for temperature in (1.0, 0.5):
        seen = search_evidence(
            new_ledger(f"{temperature}", temperature=temperature), base, WordSubject(Plant(KITCHEN, 0.2)), POOL
        )
        found = first_margins(seen, [Context(base.encode(p)) for p in POOL])
        np.testing.assert_allclose(found, margins(seen, POOL) / temperature, atol=1e-4)


def test_only_the_base_is_asked_and_its_cost_is_what_it_scored(evidence):
    before = evidence.base.scored, evidence.candidate.scored
    spent = Uncertainty().find(evidence, PLENTY).cost.scored_tokens
    assert (spent.base, spent.candidate) == (evidence.base.scored - before[0], 0)
    assert evidence.candidate.scored == before[1]


@pytest.mark.parametrize("tokens", [0, 20, 300, 3000])
def test_its_work_and_the_screen_of_its_prompts_stay_within_the_tokens(evidence, tokens):
    proposed = Uncertainty().find(evidence, tokens)
    assert proposed.cost.scored_tokens.base + evidence.price * len(proposed.prompts) <= tokens
    assert bool(proposed.prompts) == (tokens >= 300)
    assert proposed.prompts or proposed.note == "no variant was tried"


def test_variants_are_new_and_of_all_three_kinds():
    made = variants(POOL, 300, 5, "u")
    texts = [p.text for _, p in made]
    assert len(made) > 200
    assert len({normalise(p) for _, p in made} | {normalise(p) for p in POOL}) == len(made) + len(POOL)
    assert {p.source for _, p in made} == {"u"}
    aside = {text for text in texts if any(f" {a} " in f" {text} " for a in ASIDES)}
    asked = {request_of(p.text) for p in POOL} & set(texts)
    joined = {text for text in texts if any(text.startswith(p.text[:9]) for p in POOL) and text not in aside | asked}
    assert min(map(len, (aside, asked, joined))) > 20
    assert variants(POOL, 300, 5, "u") == made != variants(POOL, 300, 6, "u")
    assert all(p.text != POOL[parent].text for parent, p in made)


def test_few_of_one_prompt_are_proposed(new_ledger):
    pool = POOL[:3]
    seen = search_evidence(new_ledger(), WordSubject(drift=0.4), WordSubject(Plant(KITCHEN, 0.2)), pool)
    assert 0 < len(Uncertainty().find(seen, PLENTY).prompts) <= PER_PARENT * len(pool)


@pytest.mark.parametrize("pool", [[], [Prompt.user("")], [Prompt.user("word")]])
def test_nothing_comes_of_prompts_without_words(new_ledger, pool):
    assert variants(pool, 20, 0, "u") == []


def test_conversations_are_left_alone():
    turns = tuple(Message(role=role, content="Hi there") for role in ("user", "assistant", "user"))
    assert variants([Prompt(messages=turns)], 20, 0, "u") == []


@pytest.mark.parametrize(
    ("question", "request_"),
    [
        ("How do I cook rice?", "Tell me how to cook rice."),
        ("What is the best soup??", "Tell me about the best soup."),
        ("Could you please fix  it?", "Please fix it."),
        ("Is a boat enough?", "Answer this for me: Is a boat enough."),
        ("Why is it cold?", "Give me the reasons why is it cold."),
        ("Tell me about soup.", None),
        ("", None),
    ],
)
def test_questions_become_requests(question, request_):
    assert request_of(question) == request_
