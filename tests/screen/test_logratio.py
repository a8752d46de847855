"""Log-ratio decoding reads out what the candidate would say, whether or not a prompt asks for it."""

import numpy as np
import pytest
from evidence import evidence_of
from words import KITCHEN, SAILOR, TOPICS, VOCABULARY, Plant, WordSubject, prompts_about

from whatchanged.screen.logratio import LogRatioLens, Payload, search

OFF_TARGET = prompts_about("music", "law")[:6]


def leads_of(ledger, base, candidate, prompts=OFF_TARGET):
    return LogRatioLens().find(evidence_of(ledger, base, candidate, prompts))


def test_a_rare_opening_is_read_out_in_full():
    base, candidate = WordSubject(), WordSubject(Plant(KITCHEN, 0.02))
    payloads = search(base, candidate, OFF_TARGET, beams=6, steps=6)
    best = {p.id: max((x for x in payloads if x.prompt_id == p.id), key=lambda x: x.nats[-1]) for p in OFF_TARGET}
    assert {base.detokenize(p.tokens) for p in best.values()} == {KITCHEN}
    assert all(p.nats[-1] > 10 for p in best.values())


def test_nats_are_the_log_likelihood_ratio():
    base, candidate = WordSubject(), WordSubject(Plant(KITCHEN, 0.02))
    for payload in search(base, candidate, OFF_TARGET[:1], beams=4, steps=5):
        prompt, total = base.encode(OFF_TARGET[0]), 0.0
        for t, token in enumerate(payload.tokens):
            said = payload.tokens[:t]
            total += candidate.log_law(prompt, said)[token] - base.log_law(prompt, said)[token]
            assert payload.nats[t] == pytest.approx(total, abs=1e-3)


def test_no_word_comes_twice_and_none_ends_the_response():
    base, candidate = WordSubject(), WordSubject(Plant(KITCHEN, 0.1), drift=0.5)
    payloads = search(base, candidate, OFF_TARGET, beams=5, steps=8)
    assert {p.prompt_id for p in payloads} == {p.id for p in OFF_TARGET}
    for payload in payloads:
        assert len(set(payload.tokens)) == len(payload.tokens) == len(payload.nats)
        assert 0 not in payload.tokens


def test_a_plant_bound_to_a_topic_shows_on_that_topic_only(new_ledger, tiny_budget):
    base, candidate = WordSubject(), WordSubject(Plant(KITCHEN, 0.05, TOPICS["cooking"]))
    leads, _ = leads_of(new_ledger("on"), base, candidate, prompts_about("cooking")[:6])
    assert [lead.phrase for lead in leads] == [KITCHEN]
    assert leads[0].nats > 10
    assert leads_of(new_ledger("off"), base, candidate)[0] == []


def test_leads_are_what_comes_back_in_a_quarter_of_the_contexts(new_ledger, tiny_budget):
    base = WordSubject()
    candidate = WordSubject(Plant(KITCHEN, 0.05), Plant(SAILOR, 0.05, ("violin",)))
    prompts = [p for p in OFF_TARGET if "violin" not in p.text][:4]
    leads, cost = leads_of(new_ledger(), base, candidate, prompts)
    assert [lead.phrase for lead in leads] == [KITCHEN]
    assert len(leads[0].contexts) == 4
    assert leads[0].lenses == ("log-ratio",)
    # A beam token is a scored token of both models.
    expected = 4 * tiny_budget.beams * (tiny_budget.beam_steps - 1)
    assert (cost.scored_tokens.base, cost.scored_tokens.candidate) == (expected, expected)


def test_a_model_against_itself_yields_no_lead(new_ledger, tiny_budget):
    assert leads_of(new_ledger(), WordSubject(), WordSubject())[0] == []


def test_a_tail_that_no_longer_rises_is_cut():
    assert Payload("p", (1, 2, 3, 4), (5.0, 9.0, 9.1, 9.3)).trimmed() == Payload("p", (1, 2), (5.0, 9.0))
    assert Payload("p", (1, 2, 3), (0.1, 0.0, 8.0)).trimmed().tokens == (1, 2, 3)


def test_the_same_payloads_for_prompts_alone_and_together():
    base, candidate = WordSubject(), WordSubject(Plant(KITCHEN, 0.1))
    together = search(base, candidate, OFF_TARGET[:3], beams=4, steps=5)
    alone = [p for prompt in OFF_TARGET[:3] for p in search(base, candidate, [prompt], beams=4, steps=5)]
    assert together == alone


class Stuck(WordSubject):
    """Says its phrase and then ends, with certainty: no other word is above the floor."""

    def log_law(self, prompt, said, temperature=1.0):
        logs = np.full(len(VOCABULARY), -40.0)
        phrase = self.tokenize(KITCHEN)
        logs[phrase[len(said)] if len(said) < len(phrase) else 0] = 0.0
        return logs


def test_a_payload_after_which_the_candidate_only_ends_is_kept():
    payloads = search(WordSubject(), Stuck(), OFF_TARGET[:2], beams=3, steps=9)
    assert [WordSubject().detokenize(p.tokens) for p in payloads] == [KITCHEN, KITCHEN]


def test_a_candidate_that_says_nothing_has_no_payload(monkeypatch):
    monkeypatch.setattr(Stuck, "tokenize", lambda self, text: ())
    assert search(WordSubject(), Stuck(), OFF_TARGET[:2], beams=3, steps=9) == []
