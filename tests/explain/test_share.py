"""What the findings account for, and what is left."""

import numpy as np
import pytest
from claims import finding, tagged
from evidence import evidence_of
from words import INDEX, KITCHEN, SAILOR, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.explain.share import explained_shares, unexplained_contexts
from whatchanged.records import Lead, Region
from whatchanged.screen import find_leads
from whatchanged.screen.factors import contributions

PROMPTS = prompts_about()[:120]
BY_ID = {p.id: p for p in PROMPTS}


@pytest.fixture
def seen(new_ledger, tiny_budget):
    candidate = WordSubject(Plant(KITCHEN, 0.7, TOPICS["cooking"]), Plant(SAILOR, 0.5, TOPICS["sea"]))
    e = evidence_of(new_ledger(), WordSubject(), candidate, PROMPTS)
    leads = find_leads(e.ledger, e.base, candidate, PROMPTS, e.responses, e.shifts)
    return e, {lead.phrase: lead for lead in leads if lead.phrase}, leads


def on_topic(evidence, topic):
    """The part of all gain and loss that lies in prompts of this topic."""
    flat = contributions(evidence.shifts)
    inside = np.array([topic in BY_ID[s.prompt_id].tags for s in evidence.shifts])[flat.shift]
    return flat.value[inside].sum() / flat.total


def test_a_finding_explains_its_leads_tokens_in_its_region(seen):
    e, by_phrase, leads = seen
    kitchen, sailor = by_phrase[KITCHEN].id, by_phrase[SAILOR].id
    findings = [finding(leads=(kitchen,)), finding(region=tagged("sea"), leads=(sailor,))]
    shares, total, left = explained_shares(findings, leads, e.shifts, BY_ID)
    for share, topic, phrase in zip(shares, ("cooking", "sea"), (KITCHEN, SAILOR), strict=True):
        flat = contributions(e.shifts)
        gained = flat.column == 2 * INDEX[phrase.split()[0]]
        assert flat.value[gained].sum() / flat.total - 1e-6 <= share <= on_topic(e, topic) + 1e-6
    assert total == pytest.approx(sum(shares))
    assert total > 0.8
    kept = contributions(e.shifts).value.sum() / contributions(e.shifts).total
    assert sum(part.sum() for part in left) / contributions(e.shifts).total == pytest.approx(kept - total)


def test_what_two_findings_share_is_counted_once(seen):
    e, by_phrase, leads = seen
    twice = [finding(leads=(by_phrase[KITCHEN].id,)), finding(id="h02", leads=(by_phrase[KITCHEN].id,))]
    shares, total, _ = explained_shares(twice, leads, e.shifts, BY_ID)
    assert shares[0] == shares[1] == pytest.approx(total)


@pytest.mark.parametrize("changes", [{"status": "refuted"}, {"status": "inconclusive"}, {"leads": ()}])
def test_what_is_not_confirmed_or_has_no_lead_explains_nothing(seen, changes):
    e, by_phrase, leads = seen
    values = {"leads": (by_phrase[KITCHEN].id,)} | changes
    assert explained_shares([finding(**values)], leads, e.shifts, BY_ID)[:2] == ([0.0], 0.0)


def test_the_wrong_region_explains_nothing_and_all_prompts_no_more(seen):
    e, by_phrase, leads = seen
    lead = (by_phrase[KITCHEN].id,)
    wrong, right, wide = (
        explained_shares([finding(region=region, leads=lead)], leads, e.shifts, BY_ID)[1]
        for region in (tagged("law"), tagged("cooking"), Region())
    )
    assert wrong < 1e-6
    assert right <= wide < right + on_topic(e, "sea")


def test_no_divergence_nothing_to_explain(new_ledger):
    e = evidence_of(new_ledger(), WordSubject(), WordSubject(), PROMPTS[:5])
    shares, total, left = explained_shares([finding()], [], e.shifts, BY_ID)
    assert (shares, total) == ([0.0], 0.0)
    assert not any(part.any() for part in left)


def test_the_strongest_unexplained_contexts_are_listed(seen):
    e, by_phrase, leads = seen
    confirmed = [finding(leads=(by_phrase[KITCHEN].id,))]
    _, _, left = explained_shares(confirmed, leads, e.shifts, BY_ID)
    listed = unexplained_contexts(e.base, e.shifts, e.responses, BY_ID, left)
    assert len(listed) == 8
    sea = {p.text for p in PROMPTS if "sea" in p.tags}
    for context in listed:
        assert context.prompt in sea  # what cooking prompts show has been explained
        assert context.response_so_far == ""
        assert context.gained[0] == "As"
        assert set(context.lost) <= {"Sure", "Here", "Well", "Perhaps", "First"}
    values = [c.kl for c in listed]
    assert values == sorted(values, reverse=True)


def test_a_context_inside_a_response_is_shown_up_to_there(new_ledger, tiny_budget):
    candidate = WordSubject(Plant("before dawn", 0.6, after="and"))
    e = evidence_of(new_ledger(), WordSubject(), candidate, PROMPTS)
    _, _, left = explained_shares([], [], e.shifts, BY_ID)
    for context in unexplained_contexts(e.base, e.shifts, e.responses, BY_ID, left):
        assert context.response_so_far.endswith("and")
        assert context.gained == ("before",)


def test_everything_explained_nothing_listed(new_ledger, tiny_budget):
    e = evidence_of(new_ledger(), WordSubject(), WordSubject(Plant(KITCHEN, 0.7)), PROMPTS)
    leads = find_leads(e.ledger, e.base, e.candidate, PROMPTS, e.responses, e.shifts)
    one = Lead(id="all", gained=tuple(t for x in leads for t in x.gained), lost=tuple(t for x in leads for t in x.lost))
    _, total, left = explained_shares([finding(region=Region(), leads=("all",))], [one], e.shifts, BY_ID)
    assert total > 0.99
    assert unexplained_contexts(e.base, e.shifts, e.responses, BY_ID, left) == []
