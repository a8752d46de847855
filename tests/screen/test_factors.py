"""Simultaneous changes come apart into leads; drift gives none that stands out."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from evidence import evidence_of
from words import KITCHEN, SAILOR, TOPICS, Plant, WordSubject, prompts_about

from toy import ToyRows
from whatchanged.config import BUDGETS
from whatchanged.records import Response
from whatchanged.screen import Evidence, shifts_of
from whatchanged.screen.factors import FactorLens, contributions

COOKING = Plant(KITCHEN, 0.7, TOPICS["cooking"])
SEA = Plant(SAILOR, 0.5, TOPICS["sea"])
PROMPTS = prompts_about()[:150]
TOPIC = {p.id: p.tags[0] for p in PROMPTS}


def find(ledger, candidate, base=None):
    evidence = evidence_of(ledger, base or WordSubject(), candidate, PROMPTS)
    leads, _ = FactorLens().find(evidence)
    return evidence, leads


def evidence_of_laws(ledger, p, q):
    """Evidence of responses of three tokens, a row of p and q (rows, vocabulary) a position."""
    responses = [
        Response(prompt_id=str(i), draw=0, tokens=(1, 2, 3), text="", finished=False) for i in range(len(p) // 4)
    ]
    shifts = shifts_of(*(ToyRows(torch.tensor(np.log(law)).float()) for law in (p, q)), responses)
    names = SimpleNamespace(detokenize=lambda ids: str(ids[0]))
    return Evidence(ledger, names, names, [], responses, shifts)


@pytest.fixture
def two_plants(new_ledger, tiny_budget):
    return find(new_ledger(), WordSubject(COOKING, SEA))


def test_two_changes_come_apart_with_their_own_tokens_and_contexts(two_plants):
    _, leads = two_plants
    first = {lead.gained[0].text: lead for lead in leads[:2] if lead.gained}
    assert set(first) == {"From", "As"}
    for word, topic, rate in (("From", "cooking", 0.7), ("As", "sea", 0.5)):
        lead = first[word]
        assert {TOPIC[ref.prompt_id] for ref in lead.contexts} == {topic}
        assert {ref.position for ref in lead.contexts} == {0}
        assert lead.at_opening
        assert lead.gained[0].q == pytest.approx(rate, abs=0.01)
        assert lead.gained[0].p < 1e-3


def test_shares_are_the_changes_parts_of_the_whole(two_plants):
    evidence, leads = two_plants
    flat = contributions(evidence.shifts)
    topic = np.array([TOPIC[s.prompt_id] for s in evidence.shifts])[flat.shift]
    for lead, name in zip(leads, ("cooking", "sea"), strict=False):
        inside, gained = topic == name, flat.column % 2 == 0
        assert {TOPIC[r.prompt_id] for r in lead.contexts} == {name}
        # The usual openings are lost on both topics; which lead takes them is the factorisation's choice.
        assert lead.share > flat.value[inside & gained].sum() / flat.total - 0.03
        assert lead.share < flat.value[inside].sum() / flat.total + 0.03
    assert sum(lead.share for lead in leads) <= 1 + 1e-6


def test_what_the_change_displaced_is_lost(two_plants):
    _, leads = two_plants
    lost = {t.text for lead in leads for t in lead.lost}
    assert {"Sure", "Here", "Well", "Perhaps", "First"} <= lost
    assert all(t.q < t.p for lead in leads for t in lead.lost)
    assert all(t.q > t.p for lead in leads for t in lead.gained)


def test_a_change_inside_responses_is_not_at_the_opening(new_ledger, tiny_budget):
    evidence, leads = find(new_ledger(), WordSubject(Plant("before dawn", 0.6, after="and")))
    assert leads[0].gained[0].text == "before"
    assert not leads[0].at_opening
    said = {s.prompt_id: r.tokens for s, r in zip(evidence.shifts, evidence.responses, strict=True)}
    before = {evidence.base.detokenize(said[r.prompt_id][r.position - 1 : r.position]) for r in leads[0].contexts}
    assert before == {"and"}


def test_drift_gives_no_lead_that_stands_out(new_ledger, tiny_budget):
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(300, 0.05), size=400) + 1e-7
    drifted = p * np.exp(0.5 * rng.standard_normal(p.shape))
    planted = drifted.copy()
    planted[::4, 77] = 0.3 * drifted[::4].sum(1)
    shares = {}
    for name, q in (("drift", drifted), ("plant", planted)):
        evidence = evidence_of_laws(new_ledger(name), p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True))
        assert np.mean([s.tv.mean() for s in evidence.shifts]) > 0.05
        leads, _ = FactorLens().find(evidence)
        shares[name] = leads[0].share
        assert sum(lead.share for lead in leads) <= 1 + 1e-6
    assert leads[0].gained[0].token == 77
    assert shares["drift"] < 0.05 < 0.4 < shares["plant"]


def test_the_same_evidence_gives_the_same_leads(new_ledger, tiny_budget, two_plants):
    again = find(new_ledger("again"), WordSubject(COOKING, SEA))[1]
    assert again == two_plants[1]


def test_no_shift_no_lead(new_ledger, tiny_budget):
    assert find(new_ledger(), WordSubject())[1] == []


def test_contributions_and_rest_add_up_to_all_gain_and_loss(new_ledger):
    p, q = np.random.default_rng(0).dirichlet(np.full(60, 0.3), size=(2, 12)) + 1e-7
    p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
    shifts = evidence_of_laws(new_ledger(), p, q).shifts
    flat = contributions(shifts)
    gain, loss = np.clip(q * np.log(q / p), 0, None), np.clip(p * np.log(p / q), 0, None)
    assert flat.total == pytest.approx(gain.sum() + loss.sum(), rel=1e-3)
    assert flat.rest == pytest.approx(sum(float(s.rest.sum()) for s in shifts))
    row, token = flat.shift * 4 + flat.position, flat.column // 2
    expected = np.where(flat.column % 2 == 0, gain[row, token], loss[row, token])
    np.testing.assert_allclose(flat.value, expected, rtol=1e-3)


def test_shares_never_exceed_the_whole_where_the_fit_overshoots(new_ledger, tiny_budget, monkeypatch):
    monkeypatch.setitem(BUDGETS, "small", tiny_budget.model_copy(update={"factors": 1}))
    # In rank one [[0, 1], [1, 1]] is best approximated by a matrix with a larger sum than its own.
    evidence = evidence_of_laws(new_ledger(), np.full((4, 4), 0.25), np.full((4, 4), 0.25))
    gains = np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [0.0, 0.0]], np.float32)
    (shift,) = evidence.shifts
    gained = {"gained_ids": np.tile(np.int32([0, 1]), (4, 1)), "gained_q": np.ones_like(gains)}
    shift = replace(shift, **gained, gained_p=np.exp(-gains))
    leads, _ = FactorLens().find(replace(evidence, shifts=[shift]))
    assert 0.8 < sum(lead.share for lead in leads) <= 1
