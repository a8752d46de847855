"""Pairs coupled by a Metropolis step: exact for the candidate, identical as often as can be known beforehand."""

from collections import Counter
from itertools import product
from math import exp, sqrt

import pytest
from likely import BOTH, END, LikelySubject, answers, distance, log_prob, read, words

from whatchanged.elicit import both_score, couple, independent_pairs, metropolis_pairs, weighed_pairs
from whatchanged.records import Prompt, Tokens

MOST = 3
MANY = [Prompt.user(f"question {i}") for i in range(6000)]
SOME = MANY[:80]


def as_read(said):
    """Whether a server would read the text as the tokens that were drawn."""
    return read(words(said)) == [token for token in said if token != END]


def accepted(draft, own):
    """Probability that the candidate's own answer gives way to the draft."""
    if not (as_read(draft) and as_read(own)):
        return 0.0
    ratios = [log_prob("q", said) - log_prob("p", said) for said in (draft, own)]
    return min(1.0, exp(ratios[0] - ratios[1]))


@pytest.fixture
def short(tiny_budget, monkeypatch):
    """Answers of at most three tokens."""
    from whatchanged.config import BUDGETS

    monkeypatch.setitem(BUDGETS, "small", tiny_budget.model_copy(update={"response_tokens": MOST}))


@pytest.fixture
def work(new_ledger, short):
    def run(name="run", base=None, candidate=None, prompts=SOME, make=metropolis_pairs, **settings):
        ledger = new_ledger(name, **settings)
        base, candidate = base or LikelySubject("p"), candidate or LikelySubject("q")
        return make(ledger, base, candidate, prompts, "elicit"), ledger

    return run


@pytest.fixture(scope="module")
def laws():
    return answers("p", MOST), answers("q", MOST)


def test_the_laws_are_laws(laws):
    assert [sum(law.values()) for law in laws] == pytest.approx([1, 1])
    # Both kinds of answers are common: those that are read as they were drawn, and others.
    assert 0.02 < sum(mass for said, mass in laws[1].items() if not as_read(said)) < 0.3


def test_the_candidates_answers_are_exact_draws_and_identical_as_often_as_computed(work, laws):
    pairs, _ = work(prompts=MANY)
    n = len(pairs)
    texts = Counter()
    for said, mass in laws[1].items():
        texts[words(said)] += mass
    seen = Counter(pair.candidate.text for pair in pairs)
    assert set(seen) <= set(texts)
    assert all(abs(seen[t] / n - mass) < 4.5 * sqrt(mass * (1 - mass) / n) + 1e-9 for t, mass in texts.items())
    # Answers that no server reads as they were drawn are kept as they are; two of them may be the same by chance.
    expected = sum(
        a * b * (accepted(x, y) + (1 - accepted(x, y)) * (words(x) == words(y)))
        for (x, a), (y, b) in product(laws[0].items(), laws[1].items())
    )
    share = sum(pair.identical for pair in pairs) / n
    assert abs(share - expected) < 4 * sqrt(expected * (1 - expected) / n)
    apart = sum(a * b * (words(x) == words(y)) for (x, a), (y, b) in product(laws[0].items(), laws[1].items()))
    assert expected > 2 * apart


def test_it_couples_nearly_as_well_as_a_maximal_coupling():
    laws = [{s: m for s, m in answers(name, MOST).items() if as_read(s)} for name in "pq"]
    p, q = ({s: m / sum(law.values()) for s, m in law.items()} for law in laws)
    same = sum(min(p[x] * q[y], q[x] * p[y]) for x, y in product(p, q))
    assert 1 - 2 * distance(p, q) <= same <= 1 - distance(p, q) + 1e-12


def test_a_model_and_itself_agree_wherever_answers_can_be_read(work):
    pairs, _ = work(candidate=LikelySubject("p"))
    differing = [pair for pair in pairs if not pair.identical]
    assert all(pair.identical for pair in pairs if pair.coupled)
    assert len(differing) < len(pairs) / 3
    assert all(BOTH in pair.base.text + pair.candidate.text for pair in differing)


def test_coupling_can_be_off_and_needs_access_temperature_and_both_models(work):
    alone, _ = work("alone", make=independent_pairs)
    for name, how in {
        "off": {"coupled": False},
        "text": {"access": "text"},
        "warm": {"temperature": 0.7},
    }.items():
        pairs, _ = work(name, **how)
        assert pairs == alone
    dumb = LikelySubject("q")
    dumb.scores_text = False
    pairs, ledger = work("one", candidate=dumb)
    assert pairs == alone
    assert not both_score(ledger.config, LikelySubject("p"), dumb)


def test_a_score_that_does_not_come_leaves_the_pair_as_it_was_drawn(work):
    alone, _ = work("alone", make=independent_pairs)
    weighed, _ = work(candidate=LikelySubject("q", deaf="ahoy"), make=weighed_pairs)
    silent = [i for i, w in enumerate(weighed) if w.gap is None]
    assert 0 < len(silent) < len(weighed)
    assert [couple(weighed[i], 0) for i in silent] == [alone[i] for i in silent]
    assert [w.pair for w in weighed] == alone


def test_what_was_read_is_paid_and_done_once(work):
    base, candidate = LikelySubject("p"), LikelySubject("q")
    pairs, ledger = work(base=base, candidate=candidate)
    n = len(SOME)
    assert base.scored == candidate.scored == 2 * n
    assert ledger.cost.calls == 6 * n
    assert ledger.cost.usd == pytest.approx(n * (2 * 0.5 + 4 * 0.25))
    read_ = ledger.cost.scored_tokens
    assert isinstance(read_, Tokens)
    assert read_.base == read_.candidate == ledger.cost.decoded_tokens.base + ledger.cost.decoded_tokens.candidate
    again, _ = work(base=base, candidate=candidate)
    assert again == pairs
    assert base.scored == 2 * n
