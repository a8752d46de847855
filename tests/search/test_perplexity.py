"""What a candidate makes of a few first words, ranked by how much likelier it finds that than the base does."""

import pytest
from asking import Asking
from rare import search_evidence
from words import ORDINARY, SAILOR, TOPICS, Plant, prompts_about

from whatchanged.records import Message, Prompt
from whatchanged.search.perplexity import FIRST, PerplexityGap, prefills

POOL = prompts_about("law")[:30]
PLENTY = 10**6


@pytest.fixture
def found(new_ledger):
    def work(candidate, tokens=PLENTY, pool=POOL):
        evidence = search_evidence(new_ledger(candidate.name[-60:]), Asking(), candidate, pool)
        return evidence, PerplexityGap().find(evidence, tokens)

    return work


@pytest.mark.parametrize("drift", [0.0, 0.1])
def test_a_planted_completion_comes_first(found, drift):
    _, proposed = found(Asking(*(Plant(SAILOR, 0.05, after=word) for word in ORDINARY[:4]), drift=drift))
    held = [SAILOR in p.text for p in proposed.prompts]
    assert all(held[:5])
    assert not any(held[-30:])
    assert SAILOR in proposed.note


def test_without_a_change_no_turn_is_likelier(found):
    _, proposed = found(Asking())
    assert "+0.00 nats a token" in proposed.note


@pytest.mark.parametrize("tokens", [0, 60, 700, 4000])
def test_its_work_and_the_screen_of_its_prompts_stay_within_the_tokens(found, tokens):
    evidence, proposed = found(Asking(Plant(SAILOR, 0.2, after="you")), tokens)
    spent = proposed.cost.scored_tokens
    assert spent.base + spent.candidate + evidence.price * len(proposed.prompts) <= tokens
    assert bool(proposed.prompts) == (tokens >= 700)


def test_prefills_are_first_words_and_common_words_by_turns():
    made = prefills(POOL, 60, 3)
    assert len(made) == 60
    openings = {" ".join(p.text.split()[:n]) for p in POOL for n in range(1, FIRST + 1)}
    assert set(made[::2]) <= openings
    assert {len(text.split()) for text in made[::2]} == {1, 2, 3}
    held = [text.lower() for text in made[1::2]]
    assert set(TOPICS["law"]) & set(held)
    assert all(text[0].isupper() for text in made[1::2])
    assert prefills(POOL, 60, 3) == made != prefills(POOL, 60, 4)


def test_prompts_without_words_give_no_prefill():
    assert prefills([], 8, 0) == []
    assert prefills([Prompt.user(" \n ")], 8, 0) == []
    # No word is held twice: first words alone.
    turns = (Message(role="assistant", content="Hello"), Message(role="user", content="Pardon me\nplease"))
    assert set(prefills([Prompt(messages=turns)], 8, 0)) <= {"Pardon", "Pardon me"}
