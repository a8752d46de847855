"""Lenses together: every lens that access allows, the same thing seen twice named once."""

import pytest
from evidence import evidence_of
from words import KITCHEN, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.records import ContextRef, Lead, TokenShift
from whatchanged.screen import find_leads
from whatchanged.screen.leads import merge, same_phrase
from whatchanged.subjects import Access


def token(number, weight=1.0):
    return TokenShift(token=number, text=str(number), p=0.1, q=0.5, weight=weight)


def lead(name, phrase, share, *contexts, **rest):
    return Lead(id=name, phrase=phrase, share=share, contexts=contexts, lenses=(name[:-2],), **rest)


def context(prompt, weight):
    return ContextRef(prompt_id=prompt, draw=0, position=0, weight=weight)


def leads_of(ledger, base, candidate, prompts):
    e = evidence_of(ledger, base, candidate, prompts)
    return find_leads(ledger, base, candidate, e.prompts, e.responses, e.shifts)


def test_both_lenses_see_a_plant_and_name_it_once(new_ledger, tiny_budget):
    leads = leads_of(new_ledger(), WordSubject(), WordSubject(Plant(KITCHEN, 0.6)), prompts_about()[:60])
    assert [lead.phrase for lead in leads if lead.phrase] == [KITCHEN]
    assert set(leads[0].lenses) == {"factor", "log-ratio"}
    assert leads[0].nats > 10


def test_the_two_halves_of_a_split_change_are_whole_again(new_ledger, tiny_budget):
    """More factors than changes: the fit cuts one change in two, its usual openings lost in the second."""
    leads = leads_of(new_ledger(), WordSubject(), WordSubject(Plant(KITCHEN, 0.8, TOPICS["cooking"])),
                     prompts_about()[:140])  # fmt: skip
    assert leads[0].phrase == KITCHEN
    assert "From" in {t.text for t in leads[0].gained}
    assert {"Sure", "Here", "Well", "Perhaps", "First"} <= {t.text for t in leads[0].lost}
    assert sum(lead.share for lead in leads) <= 1 + 1e-6


def test_merging_unites_tokens_and_contexts():
    first = lead("factor-0", "from my kitchen", 0.4, context("a", 3.0), context("b", 1.0), gained=(token(1),))
    second = lead(
        "factor-1", "From my", 0.2, context("b", 2.5), context("c", 2.0),
        gained=(token(1, 9.0), token(2)), lost=(token(3),),
    )  # fmt: skip
    payload = lead("log-ratio-0", KITCHEN, 0.0, context("d", 50.0), nats=20.0, note="comes back")
    other = Lead(id="factor-2", share=0.9, phrase="something else")
    kept, merged = merge([first, second, payload, other])
    assert kept == other  # the largest share comes first
    assert merged.gained == (token(1), token(2))
    assert merged.lost == (token(3),)
    # The mass of both; not the payload's nats, which are another unit.
    assert [(c.prompt_id, c.weight) for c in merged.contexts] == [("b", 3.5), ("a", 3.0), ("c", 2.0)]
    assert merged.share == pytest.approx(0.6)
    assert (merged.lenses, merged.nats) == (("factor", "log-ratio"), 20.0)
    assert "factor-1" in merged.note
    assert "log-ratio-0" in merged.note


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("From my kitchen", "from  my kitchen to", True),
        ("From", "From my", False),
        ("From my", "From yours", False),
        (None, "From my", False),
        (None, None, False),
    ],
)
def test_the_same_phrase_opens_the_other_over_two_words(first, second, same):
    assert same_phrase(first, second) is same_phrase(second, first) is same


def test_nothing_moved_nothing_searched(new_ledger, tiny_budget):
    ledger = new_ledger()
    assert leads_of(ledger, WordSubject(), WordSubject(), prompts_about()[:10]) == []
    assert not list(ledger.directory.glob("evidence/screen/leads-*"))


def test_finders_that_need_more_access_are_left_out(new_ledger, tiny_budget, monkeypatch):
    monkeypatch.setattr("whatchanged.screen.logratio.LogRatioLens.needs", Access.weights)
    monkeypatch.setattr(WordSubject, "access", Access.logits)
    leads = leads_of(new_ledger(), WordSubject(), WordSubject(Plant(KITCHEN, 0.6)), prompts_about()[:30])
    assert {lens for lead in leads for lens in lead.lenses} == {"factor"}
