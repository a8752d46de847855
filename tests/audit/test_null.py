"""A model against itself: nothing is found, with or without the help of coupling and of knowing so."""

import pytest
from budget import SMALLER
from words import WordSubject

from whatchanged.config import BUDGETS

SEEDS = range(20)


@pytest.fixture
def null(diff, monkeypatch, tiny_budget):
    """The report of a model against itself."""
    monkeypatch.setitem(BUDGETS, "small", SMALLER)

    def work(seed, **settings):
        report = diff(WordSubject(), WordSubject(), f"run-{seed}", seed=seed, **settings)
        assert report.confirmed == ()
        assert report.claims.weights == "identical"
        assert not report.claims.beyond_noise_floor
        assert report.explained_share == 0
        return report

    return work


def decided_or_open(report):
    """Chance may leave a test open that has too few prompts to be decided; it never decides one."""
    open_ = [f for f in report.findings if f.status == "inconclusive" and f.effect]
    return report.verdict == "no_change_found" or (report.verdict == "inconclusive" and open_)


def test_known_to_be_the_same_it_is_not_even_searched(null):
    for seed in SEEDS[::2]:
        report = null(seed)
        assert report.verdict == "no_change_found"
        assert report.summary.startswith("No change found: the two models are identical")
        assert (report.leads, report.findings) == ((), ())
        assert report.divergence.p_change == report.divergence.mean_tv == report.divergence.differing_pairs == 0


def test_rounding_is_no_change(null):
    for seed in SEEDS:
        report = null(seed, identity_shortcut=False)
        assert report.verdict == "no_change_found"
        assert report.divergence.mean_tv > 0
        assert report.divergence.differing_pairs == 0


@pytest.mark.parametrize("shortcut", [True, False])
def test_independent_samples_of_one_model_are_no_change(null, shortcut):
    for seed in SEEDS[::2] if shortcut else SEEDS:
        report = null(seed, identity_shortcut=shortcut, coupled=False)
        assert report.divergence.differing_pairs > 0.5
        assert decided_or_open(report)
