"""The beam search finds what the candidate would say, whether or not a prompt asks for it, and several such things."""

import numpy as np
import pytest
from words import KITCHEN, SAILOR, VOCABULARY, Plant, WordSubject, prompts_about

from whatchanged.screen.beam import PLAIN, Payload, Setting, search

OFF_TARGET = prompts_about("music", "law")[:6]
TWO = WordSubject(Plant(KITCHEN, 0.05), Plant(SAILOR, 1e-3))


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


def said_best(payloads, count=1):
    """What the payloads of most nats say: as many different texts, the best first."""
    ranked = sorted(payloads, key=lambda p: -p.nats[-1])
    return list(dict.fromkeys(WordSubject().detokenize(p.tokens) for p in ranked))[:count]


def test_in_groups_a_second_payload_comes_out_too():
    """By itself the likelier one takes all beams, with variants of its tail."""
    for prompt in OFF_TARGET[:3]:
        plain, grouped = (
            search(WordSubject(), TWO, [prompt], beams=6, steps=6, setting=PLAIN._replace(groups=n)) for n in (1, 2)
        )
        assert said_best(plain) == [KITCHEN]
        assert not any(text.startswith(SAILOR) for text in said_best(plain, 6))
        assert said_best(grouped, 2) == [KITCHEN, SAILOR]


def test_groups_share_the_beams():
    payloads = search(WordSubject(), TWO, OFF_TARGET[:2], beams=7, steps=5, setting=PLAIN._replace(groups=3))
    assert [sum(p.prompt_id == prompt.id for p in payloads) for prompt in OFF_TARGET[:2]] == [6, 6]
    alone = search(WordSubject(), TWO, OFF_TARGET[:1], beams=1, steps=5, setting=PLAIN._replace(groups=3))
    assert len(alone) == 3


def test_the_first_group_says_what_it_would_say_without_the_others():
    plain = search(WordSubject(), TWO, OFF_TARGET[:1], beams=3, steps=5)
    grouped = search(WordSubject(), TWO, OFF_TARGET[:1], beams=6, steps=5, setting=PLAIN._replace(groups=2))
    assert grouped[:3] == plain


def test_below_the_floor_nothing_is_said():
    """SAILOR's first word has a log q of -6.9."""
    kept, cut = (
        search(WordSubject(), TWO, OFF_TARGET[:1], beams=6, steps=6, setting=Setting(0.3, floor, 2))
        for floor in (-12.0, -5.0)
    )
    assert SAILOR in said_best(kept, 2)
    assert not any(text.startswith("As") for text in said_best(cut, 9))
