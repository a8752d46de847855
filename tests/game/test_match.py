"""The game of an audit: red's finds become hypotheses, and blue plays on with what came of them."""

from dataclasses import replace

import pytest
from versus import COOKING, SEA, by_words
from words import KITCHEN, SAILOR, TOPICS, Plant

from whatchanged.describe import Discovery
from whatchanged.elicit import opening_gains
from whatchanged.records import Region
from whatchanged.screen import opening_shift


def discovery(match, openings=None):
    e = match.evidence
    return Discovery(e.prompts, [], 0, e.ledger.config.margin, e.leads, openings)


def test_a_withheld_finding_is_proposed_again_and_no_other(matched):
    match = matched(COOKING, SEA)
    (claim,) = match.claims(discovery(match), [by_words(match, "cooking", KITCHEN)])
    assert (claim.id, claim.finder) == ("g01", None)
    assert SAILOR in claim.sentence
    sea = [p for p in match.evidence.confirmation if "sea" in p.tags]
    assert all(claim.region.contains(p) for p in sea)
    assert [p for p in match.evidence.confirmation if claim.region.contains(p)] == sea
    assert set(claim.leads) <= {lead.id for lead in match.leads}
    assert {lead.share for lead in match.leads} == {0.0}


def test_a_phrase_is_not_measured_again_on_discoverys_prompts(matched):
    match, again = matched(COOKING, SEA), matched(COOKING, SEA, name="again")
    known = [by_words(match, "cooking", KITCHEN)]

    def measured(phrase):
        e = match.evidence
        first = opening_shift(e.shifts, e.base.tokenize(phrase)[0])
        return opening_gains(e.ledger, e.base, e.candidate, e.prompts, first, phrase)

    measured(SAILOR)
    claims = match.claims(discovery(match, measured), known)
    assert claims == again.claims(discovery(again), known) != []
    assert match.evidence.ledger.cost.scored_tokens == again.evidence.ledger.cost.scored_tokens


def test_what_was_tested_is_not_proposed_again(matched):
    match = matched(COOKING, SEA)
    known = [by_words(match, "cooking", KITCHEN)]
    (claim,) = match.claims(discovery(match), known)
    again = matched(COOKING, SEA, name="again")
    refuted = known[0].model_copy(update={"sentence": claim.sentence, "status": "refuted", "leads": ()})
    assert again.claims(discovery(again), [*known, refuted]) == []


def test_a_phrase_that_is_confirmed_elsewhere_may_be_proposed(matched):
    match = matched(COOKING, replace(COOKING, on=TOPICS["sea"]))
    (claim,) = match.claims(discovery(match), [by_words(match, "cooking", KITCHEN)])
    assert KITCHEN in claim.sentence
    assert any("sea" in p.tags and claim.region.contains(p) for p in match.evidence.confirmation)


def test_where_a_confirmed_finding_is_too_narrow_the_rest_is_proposed(matched):
    """The phrase is set off by four words, and the finding knows of two."""
    match = matched(COOKING, SEA)
    half = Region(kind="mentions", values=TOPICS["sea"][:2])
    narrow = by_words(match, "sea", SAILOR).model_copy(update={"region": half})
    (claim,) = match.claims(discovery(match), [by_words(match, "cooking", KITCHEN), narrow])
    assert SAILOR in claim.sentence
    assert set(claim.region.values) == set(TOPICS["sea"][2:])


def test_nothing_unforeseen_nothing_proposed(matched):
    match = matched(COOKING, SEA)
    both = [by_words(match, "cooking", KITCHEN), by_words(match, "sea", SAILOR)]
    assert match.claims(discovery(match), both) == []
    view = match.view(both)
    assert (view.proposed, view.finds) == ((), ())
    assert view.value > 0.99


@pytest.mark.parametrize("drift", [0.0, 0.1])
def test_the_value_rises_once_the_finding_is_known(matched, drift):
    match = matched(COOKING, SEA, drift=drift)
    cooking = by_words(match, "cooking", KITCHEN)
    (claim,) = match.claims(discovery(match), [cooking])
    found = by_words(match, "sea", SAILOR).model_copy(update={"region": claim.region, "leads": claim.leads})
    view = match.view([cooking, found])
    before, after = ([r.foreseen for r in view.rounds if r.findings == n] for n in (1, 2))
    assert max(before) + 0.05 < min(after)
    assert view.value == after[-1] > 0.9
    assert view.proposed == (claim.id,)


def test_the_view_shows_what_is_left(matched):
    match = matched(COOKING, SEA)
    view = match.view([by_words(match, "cooking", KITCHEN)])
    assert len(view.finds) == 8
    assert all(set(TOPICS["sea"]) & set(find.prompt.strip("?.").split()) for find in view.finds)
    assert {find.gained[0] for find in view.finds} <= {"As", "sailors"}
    assert [find.unforeseen for find in view.finds] == sorted((f.unforeseen for f in view.finds), reverse=True)


def test_a_change_inside_answers_is_found_too(matched):
    match = matched(COOKING, Plant("before dawn", 0.7, TOPICS["sea"], after="and"))
    view = match.view([by_words(match, "cooking", KITCHEN)])
    assert {find.gained[0] for find in view.finds} == {"before"}
