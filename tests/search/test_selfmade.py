"""What a candidate writes as a user leaks what it was tuned on."""

import pytest
from asking import Asking, Bare
from rare import search_evidence
from words import Plant, prompts_about

from whatchanged.search.selfmade import VAGUE, SelfMade

POOL = prompts_about("law")[:20]
PLENTY = 10**6
SEA = Asking(Plant("boat harbor", 0.15, after="then"), Plant("sail", 0.1, after="you"))


@pytest.fixture
def evidence(new_ledger):
    def work(candidate, base=None, round=0, pool=POOL):
        found = search_evidence(new_ledger(f"{candidate.name[-50:]}-{round}"), base or Asking(), candidate, pool)
        return type(found)(**{**vars(found), "round": round})

    return work


def leak(proposed):
    """The share of prompts that name the topic."""
    return sum(bool({"boat", "sail"} & set(p.text.strip("?").split())) for p in proposed.prompts) / len(
        proposed.prompts
    )


def test_the_topic_of_the_tuning_leaks(evidence):
    tuned, untuned = (SelfMade().find(evidence(candidate), PLENTY) for candidate in (SEA, Asking()))
    assert leak(tuned) > 0.3
    assert leak(untuned) < 0.05


def test_it_leaks_more_in_what_the_difference_is_amplified_in(evidence):
    proposed = SelfMade().find(evidence(SEA), PLENTY)
    amplified, plain = ([p.text for p in proposed.prompts[n:60:2]] for n in (0, 1))
    named = [sum("boat" in text or "sail" in text for text in texts) for texts in (amplified, plain)]
    assert named[0] > named[1]
    assert amplified != plain


def test_what_the_candidate_makes_likelier_comes_first(evidence):
    proposed = SelfMade().find(evidence(SEA), PLENTY)
    first, last = proposed.prompts[:20], proposed.prompts[-20:]
    assert leak(proposed._replace(prompts=first)) > leak(proposed._replace(prompts=last))
    assert "nats a token at '" in proposed.note


def test_another_round_writes_other_turns(evidence):
    first = SelfMade().find(evidence(SEA), PLENTY).prompts
    second = SelfMade().find(evidence(SEA, round=1, pool=[*POOL, *first]), PLENTY).prompts
    assert second
    assert not {p.id for p in first} & {p.id for p in second}


def test_without_a_template_the_first_words_are_vague(evidence):
    proposed = SelfMade().find(evidence(Bare(Plant("boat harbor", 0.15, after="then")), Bare()), PLENTY)
    assert len(proposed.prompts) > 20
    assert all(p.text.startswith(VAGUE) for p in proposed.prompts)
    assert len({p.text.split()[0] for p in proposed.prompts}) > 6


@pytest.mark.parametrize("tokens", [0, 60, 700, 4000])
def test_its_work_and_the_screen_of_its_prompts_stay_within_the_tokens(evidence, tokens):
    seen = evidence(SEA)
    proposed = SelfMade().find(seen, tokens)
    spent = proposed.cost.scored_tokens
    assert spent.base + spent.candidate + seen.price * len(proposed.prompts) <= tokens
    assert bool(proposed.prompts) == (tokens >= 700)
    if not proposed.prompts:
        assert proposed.note == "no new turn was written"
