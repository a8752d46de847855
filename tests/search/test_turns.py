"""Turns that both models step through: exact draws, amplified ones within what is plausible, within a budget."""

import math

import numpy as np
import pytest
from asking import Asking
from rare import search_evidence
from tiny import llama
from words import INDEX, ORDINARY, VOCABULARY, Plant, prompts_about

from whatchanged.records import Prompt
from whatchanged.search import Evidence
from whatchanged.search.turns import Start, Writer, asked_in, unfinished
from whatchanged.subjects import Context, open_subjects, stream_key

POOL = prompts_about()[:20]
PLENTY = 10**6


def starts(count, amplified=0.0, prefill=""):
    return [Start(prefill, amplified, stream_key("test", i)) for i in range(count)]


@pytest.fixture
def writer(new_ledger):
    """For a candidate beside the bigram base."""

    def make(candidate, base=None, pool=POOL):
        evidence = search_evidence(new_ledger(candidate.name[-60:]), base or Asking(), candidate, pool)
        return Writer(evidence, "test")

    return make


def words_of(turns):
    return [word.strip("?") for turn in turns for word in turn.text.split()]


def test_a_turn_is_a_draw_from_the_candidate(writer):
    candidate = Asking(Plant("From my kitchen to yours", 0.4))
    rows = writer(candidate)._written(starts(600))
    first = np.bincount([row.said[0] for row in rows if row.said], minlength=len(VOCABULARY)) / len(rows)
    assert np.abs(first - candidate.law((), ())).max() < 0.07
    gaps = {VOCABULARY[r.said[0]]: r.gaps[0] for r in rows if r.said}
    law_q, law_p = candidate.law((), ()), Asking().law((), ())
    for word, gap in gaps.items():
        assert gap == pytest.approx(math.log(law_q[INDEX[word]] / law_p[INDEX[word]]), abs=1e-4)


def test_amplified_turns_say_more_often_what_the_candidate_gained(writer):
    made = writer(Asking(Plant("boat harbor", 0.2, after=ORDINARY[0])))
    plain, amplified = (words_of(made.write(starts(150, a), PLENTY)) for a in (0.0, 2.0))
    assert amplified.count("boat") / len(amplified) > 2 * plain.count("boat") / len(plain) > 0


def test_amplified_turns_say_nothing_that_the_candidate_hardly_says(writer):
    made = writer(Asking(Plant("boat", 0.004, after="you")))
    assert "boat" not in words_of(made.write(starts(150, 8.0), PLENTY))


def test_turns_are_new_and_none_is_written_twice(writer):
    turns = writer(Asking()).write(starts(150), PLENTY)
    assert len({turn.text for turn in turns}) == len(turns)
    known = [Prompt.user(turn.text.lower()) for turn in turns[:10]]
    again = writer(Asking(drift=1e-9), pool=[*POOL, *known]).write(starts(150), PLENTY)
    assert {turn.text for turn in again} == {turn.text for turn in turns[10:]}


def test_a_turn_does_not_depend_on_its_neighbours(writer):
    made = writer(Asking(Plant("boat", 0.2, after="you")))
    alone = [turn for s in starts(40, 2.0) for turn in made.write([s], PLENTY)]
    assert {t.text for t in alone} == {t.text for t in made.write(starts(40, 2.0), PLENTY)}


@pytest.mark.parametrize("tokens", [0, 50, 400, 3000])
def test_it_stays_within_its_tokens_and_counts_what_both_models_scored(writer, tokens):
    base, candidate = Asking(), Asking(Plant("boat", 0.2, after="you"))
    made = writer(candidate, base)
    before = base.scored, candidate.scored
    turns = made.write(starts(150, 1.0), tokens)
    spent = made.cost.scored_tokens
    assert (spent.base, spent.candidate) == (base.scored - before[0], candidate.scored - before[1])
    assert spent.base + spent.candidate <= tokens
    assert bool(turns) == (tokens >= 400)
    assert made.room(tokens) == (tokens - spent.base - spent.candidate) // made.evidence.price


@pytest.mark.parametrize(
    ("text", "ended", "asked"),
    [
        ("How do I cook rice? I want", False, "How do I cook rice?"),
        ("How do I cook rice", False, None),
        ("How do I cook rice", True, "How do I cook rice"),
        ("Write a poem. Make it short", True, "Write a poem. Make it short"),
        ("кто ты", True, "кто ты"),
        ("кто ты", False, None),
        ("  two\n lines", True, "two"),
        ("three  spaces\nand a line", True, "three spaces"),
        ("<|im_start|>user", True, None),
        ("1234", True, None),
        ("a\x1b[31m red one", True, None),
        ("What is \x07 the bell in this sentence?", False, None),
        ("half an \ufffd emoji", True, None),
        ("", True, None),
    ],
)
def test_what_is_worth_asking(text, ended, asked):
    assert asked_in(text, ended) == asked


def test_of_a_real_model_the_gap_is_what_scoring_says(tmp_path, new_ledger, one_thread):
    base, candidate = open_subjects([str(llama(tmp_path / str(n), seed=n)) for n in (0, 1)])
    made = Writer(Evidence(new_ledger(), base, candidate, [], [], [], []), "test")
    rows = made._written([*starts(3), *starts(2, 1.0, "What is")])
    for prefill, row in (("", rows[0]), ("What is", rows[3]), ("What is", rows[4])):
        opened = unfinished(base, prefill)
        assert candidate.detokenize(opened).endswith(f"user\n{prefill}")
        log_p, log_q = (s.score([Context(opened, row.said[:-1])]).at(row.said) for s in (base, candidate))
        np.testing.assert_allclose(row.gaps, log_q - log_p, atol=0.05)  # bfloat16
    assert len({row.said for row in rows}) == 5
