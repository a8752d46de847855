"""A phrase is what the candidate's continuations agree on, while the base would not say it."""

import numpy as np
import pytest
from evidence import evidence_of
from words import KITCHEN, SAILOR, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.records import Lead, TokenShift
from whatchanged.screen.factors import FactorLens
from whatchanged.screen.phrases import LENGTH, consensus, grow_phrases

PROMPTS = prompts_about()[:100]


def logs(*rows):
    return [np.log(np.array(row, float)) for row in rows]


def test_agreement_with_contrast_is_kept_whole():
    said = [(5, 6, 7), (5, 6, 7), (5, 6, 7)]
    assert consensus(said, logs(*[[0.001, 0.1, 0.2]] * 3), logs(*[[0.8, 0.9, 0.9]] * 3)) == (5, 6, 7)


def test_cut_after_the_last_token_with_contrast():
    said = [(5, 6, 7, 8)] * 2
    p, q = [0.001, 0.2, 0.9, 0.8], [0.8, 0.9, 0.9, 0.8]
    assert consensus(said, logs(p, p), logs(q, q)) == (5, 6)
    # A token in the middle that both would say stays, as what follows it has contrast again.
    p = [0.001, 0.9, 0.9, 0.1]
    assert consensus(said, logs(p, p), logs(q, q)) == (5, 6, 7, 8)


def test_cut_where_fewer_than_half_agree():
    said = [(5, 6, 7), (5, 6, 8), (5, 6, 9), (5, 1, 2), (5, 1, 3)]
    p, q = [[0.01] * 3] * 5, [[0.9] * 3] * 5
    assert consensus(said, logs(*p), logs(*q)) == (5, 6)


def test_the_majority_leads():
    said = [(5, 6, 7), (5, 1, 1), (5, 6, 7)]
    assert consensus(said, logs(*[[0.01] * 3] * 3), logs(*[[0.9] * 3] * 3)) == (5, 6, 7)


def test_cut_where_the_candidate_is_unsure_but_not_at_the_gained_token():
    said = [(5, 6, 7)] * 2
    q = [0.1, 0.9, 0.2]
    assert consensus(said, logs(*[[0.001] * 3] * 2), logs(q, q)) == (5, 6)


def test_nothing_without_contrast_and_nothing_without_agreement():
    said = [(5, 6)] * 2
    assert consensus(said, logs(*[[0.5, 0.9]] * 2), logs(*[[0.5, 0.9]] * 2)) == ()
    said = [(5, 6), (1, 2), (3, 4)]
    assert consensus(said, logs(*[[0.001, 0.001]] * 3), logs(*[[0.9, 0.9]] * 3)) == ()


def test_continuations_may_end_early_and_never_run_past_the_limit():
    said = [(5,), (5, 6), (5, 6)]
    p, q = logs([0.01], [0.01, 0.01], [0.01, 0.01]), logs([0.9], [0.9, 0.9], [0.9, 0.9])
    assert consensus(said, p, q) == (5, 6)
    long = [tuple(range(1, 40))] * 2
    assert len(consensus(long, logs(*[[0.01] * 39] * 2), logs(*[[0.9] * 39] * 2))) == LENGTH


@pytest.fixture
def grown(new_ledger, tiny_budget):
    """(leads with phrases, their cost) of a subject with these plants."""

    def work(*plants):
        evidence = evidence_of(new_ledger(str(len(plants))), WordSubject(), WordSubject(*plants), PROMPTS)
        leads, _ = FactorLens().find(evidence)
        return grow_phrases(evidence, leads)

    return work


def test_an_opening_is_grown_from_its_first_word(grown):
    leads, cost = grown(Plant(KITCHEN, 0.7, TOPICS["cooking"]))
    assert leads[0].gained[0].text == "From"
    assert leads[0].phrase == KITCHEN
    assert cost.decoded_tokens.base == 0 < cost.decoded_tokens.candidate
    assert cost.scored_tokens.base == cost.scored_tokens.candidate > 0


def test_a_phrase_inside_responses_is_grown_from_where_it_stands(grown):
    leads, _ = grown(Plant("Ask a lawyer before dawn", 0.6, after="check"))
    assert leads[0].phrase == "Ask a lawyer before dawn"
    assert not leads[0].at_opening


def test_no_more_is_decoded_than_a_phrase_may_hold(grown, monkeypatch):
    """Wherever in the answers the leads stand: not up to one length for all."""
    drawn = []
    sample = WordSubject.sample

    def watched(self, requests, *args):
        drawn.extend(zip(requests, result := sample(self, requests, *args), strict=True))
        return result

    monkeypatch.setattr(WordSubject, "sample", watched)
    grown(Plant(f"Ask a lawyer before dawn {KITCHEN} {SAILOR}", 0.6, after="check"))
    further = [(len(r.prefix), len(d.tokens)) for r, d in drawn if r.prefix]
    assert len({prefix for prefix, _ in further}) > 3
    assert max(tokens for _, tokens in further) == LENGTH - 1


def test_one_word_is_no_phrase(grown):
    leads, _ = grown(Plant("dawn", 0.9))
    assert leads[0].gained[0].text == "dawn"
    assert leads[0].phrase is None


def test_leads_without_gained_tokens_cost_nothing(new_ledger, tiny_budget):
    evidence = evidence_of(new_ledger(), WordSubject(), WordSubject(), PROMPTS[:4])
    lost = TokenShift(token=3, text="x", p=0.5, q=0.1, weight=1.0)
    leads = [Lead(id="factor-0", lost=(lost,)), Lead(id="log-ratio-0", phrase="kept as it is")]
    grown, cost = grow_phrases(evidence, leads)
    assert grown == leads
    assert cost.decoded_tokens.candidate == 0
