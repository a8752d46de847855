"""A campaign of hypotheses that all lie exactly at their margin discovers nothing, at the rate it promises."""

from functools import lru_cache, partial
from importlib import import_module

import numpy as np
import pytest
from law import LawInstruments, best_again, beta, hypothesis, two_point
from words import prompts_about

from whatchanged.config import BUDGETS
from whatchanged.confirm import Later, confirm
from whatchanged.confirm.measure import SCORED
from whatchanged.subjects import stream_key

CAMPAIGN = import_module("whatchanged.confirm.campaign")
ARMS = import_module("whatchanged.confirm.arms")
CAMPAIGNS, HYPOTHESES, ALPHA, MARGIN = 200, 10, 0.05, 0.05
PROMPTS = prompts_about()
# At the margin exactly, and as skewed as the margin allows: where a test by normal approximation fails.
LAWS = [
    two_point(MARGIN), two_point(MARGIN, -1.0, 1.0), beta(MARGIN, 2), beta(MARGIN, 20), two_point(MARGIN, -0.1, 1.0),
] * 2  # fmt: skip


@pytest.fixture
def quick(monkeypatch, tiny_budget):
    """Fewer and larger looks; the intervals, which have tests of their own, are left out."""
    monkeypatch.setattr(ARMS, "interval", lambda *args: (-1.0, 1.0))
    monkeypatch.setattr(CAMPAIGN, "stream_key", lru_cache(None)(stream_key))
    monkeypatch.setattr(LawInstruments, "pace", lambda self, predicate, prompts: SCORED._replace(batch=60))
    monkeypatch.setitem(BUDGETS, "small", tiny_budget)


def campaigns(ledger, prompts):
    hypotheses = [hypothesis(i) for i in range(HYPOTHESES)]
    for seed in range(CAMPAIGNS):
        yield confirm(ledger, LawInstruments(LAWS, seed), hypotheses, prompts)


@pytest.mark.parametrize("rule", ["e-bh", "e-lond", "saffron", "addis"])
def test_false_discoveries_stay_below_alpha(new_ledger, quick, rule):
    # Where every hypothesis has prompts of its own, they share the whole pool.
    prompts = PROMPTS if rule in CAMPAIGN.INDEPENDENT else PROMPTS[:120]
    ledger = new_ledger(fdr=rule, alpha=ALPHA)
    rates = [any(f.status == "confirmed" for f in c) for c in campaigns(ledger, prompts)]
    assert np.mean(rates) <= ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / CAMPAIGNS)


def test_a_second_round_that_picks_what_looked_best_stays_below_alpha(new_ledger, quick):
    """It proposes again what did best in the first round, which on the same prompts would be double counting."""
    ledger = new_ledger(alpha=ALPHA)
    hypotheses = [hypothesis(i) for i in range(HYPOTHESES)]
    later = Later(partial(best_again, hypotheses), 8, PROMPTS[120:200])
    rates = [
        any(f.status == "confirmed" for f in confirm(ledger, LawInstruments(LAWS, s), hypotheses, PROMPTS[:120], later))
        for s in range(CAMPAIGNS)
    ]
    assert np.mean(rates) <= ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / CAMPAIGNS)


def test_the_study_would_notice_a_rule_that_corrects_nothing(new_ledger, quick, monkeypatch):
    monkeypatch.setattr(CAMPAIGN, "decide", lambda name, p_values, alpha: [p <= alpha for p in p_values])
    ledger = new_ledger(fdr="saffron", alpha=ALPHA)
    rates = [any(f.status == "confirmed" for f in c) for c in campaigns(ledger, PROMPTS)]
    assert np.mean(rates) > ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / CAMPAIGNS)
