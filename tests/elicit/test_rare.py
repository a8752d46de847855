"""Rates of one in a thousand: covered, unbiased, and for a fraction of what counting would cost."""

from math import sqrt

import numpy as np
import pytest
from quick import QuickWords, opening_rate, opens_with_rate, phrase_rate
from words import KITCHEN, SAILOR, Plant, WordSubject, prompts_about

from whatchanged.config import BUDGETS
from whatchanged.elicit import amplified, rare_rate, weighed
from whatchanged.elicit import rare as library
from whatchanged.elicit.amplified import Ask, lifted_answers, log_probabilities
from whatchanged.errors import AccessError, SpecError, TokenizerMismatch
from whatchanged.predicates import load
from whatchanged.records import PredicateSpec
from whatchanged.subjects import Access, Continue

TOKENS = BUDGETS["small"].response_tokens
PROMPTS = prompts_about("cooking")
CANDIDATE = opens_with_rate(KITCHEN, 1e-3)
OPENS = load(PredicateSpec(family="phrase", args={"kind": "opens_with", "phrases": [KITCHEN]}))
# Says it after a word that half of the answers have, beside other changes, one of them common.
BUSY = QuickWords(Plant(KITCHEN, 3e-3, after="you"), Plant(SAILOR, 0.3, after="then"))
SAYS = load(PredicateSpec(family="phrase", args={"kind": "contains", "phrases": ["From my kitchen"]}))
SHORT = load(PredicateSpec(family="attribute", args={"name": "short"}))
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def rates(new_ledger):
    def run(seed=0, count=4000, predicate=OPENS, base=None, candidate=CANDIDATE, **settings):
        ledger = new_ledger(f"{seed}-{count}-{settings}", seed=seed, **settings)
        return rare_rate(ledger, base or QuickWords(), candidate, PROMPTS, predicate, count)

    return run


def test_a_rate_of_1e_3_is_covered_for_a_twentieth_of_the_tokens(rates):
    """`benchmarks/rare.py` does this 100 times."""
    truth = opening_rate(CANDIDATE, KITCHEN)
    assert truth == pytest.approx(1e-3, rel=1e-9)
    side = rates(count=64_000).candidate
    assert side.low <= truth <= side.high
    assert side.brute_force_tokens >= 20 * side.decoded_tokens


@pytest.mark.parametrize(
    ("candidate", "predicate", "phrase"), [(CANDIDATE, OPENS, None), (BUSY, SAYS, "From my kitchen")]
)
def test_small_samples_are_covered_and_unbiased(rates, candidate, predicate, phrase):
    truth = phrase_rate(candidate, phrase, TOKENS) if phrase else opening_rate(candidate, KITCHEN)
    assert 5e-4 < truth < 5e-3
    found = [rates(seed, 1500, predicate, candidate=candidate).candidate for seed in range(20)]
    assert sum(side.low <= truth <= side.high for side in found) >= 19
    mean, error = np.mean([s.rate for s in found]), sqrt(sum(s.standard_error**2 for s in found)) / len(found)
    assert abs(mean - truth) < 3.5 * error
    assert error < 0.15 * truth


def test_the_base_has_its_own_rate_from_the_same_amplified_answers(rates):
    truth = phrase_rate(QuickWords(), "From my kitchen", TOKENS)
    base = rates(predicate=SAYS).base
    assert 0 < truth < 1e-3
    assert base.low <= truth <= base.high
    exactly = opening_rate(QuickWords(), KITCHEN)
    side = rates(seed=1).base
    # Never drawn from the base itself, and yet measured.
    assert side.rate == pytest.approx(exactly, rel=0.25)
    assert side.effective > 100


def test_predicates_that_may_change_their_mind_read_whole_answers(rates):
    # 'short' has to do with the whole answer, so nothing stops early; brute force is the referee.
    plain = BUSY.sample([Continue((), (), 0)] * 40_000, TOKENS)
    counted = np.mean([SHORT.score(BUSY.detokenize(d.tokens), PROMPTS[0]) for d in plain])
    side = rates(predicate=SHORT, candidate=BUSY, count=1500).candidate
    assert abs(side.rate - counted) < 4 * (side.standard_error + sqrt(counted / 40_000))
    assert side.low <= counted <= side.high


def test_drawn_answers_have_the_probability_that_scoring_gives_them():
    base, candidate = WordSubject(drift=0.3), WordSubject(Plant(KITCHEN, 0.05), drift=0.4)
    ladder, temperature = (1.0, 2.0), 0.8
    asks = [Ask(prompt, i % 2, i) for i, prompt in enumerate(PROMPTS[:12])]
    answers = lifted_answers(base, candidate, asks, ladder, 8, temperature, lambda drawn, _: len(drawn) == 5)
    assert {len(a.drawn) for a in answers} <= {1, 2, 3, 4, 5}
    for ask, answer in zip(asks, answers, strict=True):
        again = log_probabilities(base, candidate, ask.prompt, answer.drawn, ladder, temperature)
        assert answer.logs == pytest.approx(again, abs=1e-4)
        ids = base.encode(ask.prompt)
        laws = [candidate.log_law(ids, answer.drawn[:t], temperature)[token] for t, token in enumerate(answer.drawn)]
        assert answer.logs[1] == pytest.approx(sum(laws), abs=1e-4)


def test_amplified_laws_are_laws_and_leave_out_what_is_implausible():
    import torch

    log_p = torch.log(torch.tensor([[0.5, 0.5 - 1e-8, 1e-8, 0.0]]))
    log_q = torch.log(torch.tensor([[0.6, 0.3, 0.1 - 1e-7, 1e-7]]))
    laws = amplified.log_laws(log_p, log_q, (1.0, 3.0)).exp()
    assert laws.sum(-1) == pytest.approx(torch.ones(4, 1))
    assert (laws[2:, 0, 3] == 0).all()
    assert laws[3, 0, 2] > laws[2, 0, 2] > 0.99


def test_tokens_of_both_models_are_paid_and_nothing_is_drawn_twice(new_ledger, monkeypatch):
    monkeypatch.setattr(library, "CHUNK", 100)
    base, candidate = WordSubject(), WordSubject(Plant(KITCHEN, 0.05))
    ledger = new_ledger()
    first = rare_rate(ledger, base, candidate, PROMPTS, OPENS, 200)
    decoded = ledger.cost.decoded_tokens
    own = (base.sampled, candidate.sampled)
    shared = decoded.base - own[0]
    assert shared == decoded.candidate - own[1] > 0
    assert first.candidate.decoded_tokens == own[1] + 2 * shared
    assert ledger.cost.scored_tokens.base == base.scored
    again = rare_rate(new_ledger(), base, candidate, PROMPTS, OPENS, 200)
    assert again == first
    assert (base.sampled, candidate.sampled) == own
    more = rare_rate(new_ledger(), base, candidate, PROMPTS, OPENS, 300)
    fresh = rare_rate(new_ledger("fresh"), WordSubject(), candidate, PROMPTS, OPENS, 300)
    assert more == fresh
    assert base.sampled < 1.8 * own[0]


def test_another_seed_draws_other_answers(rates):
    assert rates(seed=1, count=500).candidate.rate != rates(seed=2, count=500).candidate.rate


def test_what_cannot_be_measured_is_refused(rates, new_ledger):
    rubric = load(PredicateSpec(family="judged", args={"rubric": "It is kind.", "cues": ["kind"]}))
    with pytest.raises(SpecError, match="no judge"):
        rates(predicate=rubric)
    with pytest.raises(SpecError, match="samples=0"):
        rates(count=0)
    with pytest.raises(AccessError, match="logits"):
        rates(access="text")
    other = QuickWords()
    other.end_ids = frozenset({0, 1})
    with pytest.raises(TokenizerMismatch, match="end their turns"):
        rates(base=other)
    blind = QuickWords()
    blind.access = Access.text
    with pytest.raises(AccessError):
        rates(base=blind)


def test_shares_are_what_the_bound_promises():
    assert sum(weighed.SHARES) == pytest.approx(1)
    assert weighed.SHARES[0] == weighed.PLAIN


def test_real_checkpoints_step_as_they_score(tmp_path):
    """The whole call, on a tiny model and its adapter, which share one engine."""
    tiny = pytest.importorskip("tiny")
    from whatchanged.subjects import open_subjects

    base = tiny.llama(tmp_path / "base")
    specs = [f"{base}+dtype=float32", f"{tiny.lora(base, tmp_path / 'lora')}+dtype=float32"]
    pool = tmp_path / "pool.txt"
    pool.write_text("the cat\nhow do I bake bread\nwhat is the sea\n")
    spec = PredicateSpec(family="phrase", args={"kind": "contains", "phrases": ["e"]})
    found = library.rare(*specs, spec, 60, out=tmp_path / "run", pool=(f"text:{pool}",))
    assert (found.samples, found.prompts) == (60, 3)
    assert 0 <= found.candidate.low <= found.candidate.rate <= found.candidate.high <= 1
    assert library.rare(*specs, spec, 60, out=tmp_path / "run", pool=(f"text:{pool}",)) == found
    subjects = open_subjects(specs)
    asks = [Ask(prompt, 0, i) for i, prompt in enumerate(PROMPTS[:5])]
    for ask, answer in zip(asks, lifted_answers(*subjects, asks, (2.0,), 6, 1.0, lambda *_: False), strict=True):
        again = log_probabilities(*subjects, ask.prompt, answer.drawn, (2.0,), 1.0)
        assert answer.logs == pytest.approx(again, abs=1e-3)
