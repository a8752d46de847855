"""Weights that are right on average and bounded; intervals that cover, also where the proposals mislead."""

import numpy as np
import pytest

from whatchanged.stats import brute_force_count, clopper_pearson_upper, importance_interval, mixture_weights

SHARES = (0.9, 0.1)
BOUND = 1 / 0.9
REPLICATIONS = 200


def draws(rng, target, proposal, n):
    """n outcomes of the mixture of two laws over a few outcomes, and their weights."""
    log_laws = np.log(np.array([target, proposal]))
    seen = rng.choice(len(target), size=n, p=SHARES @ np.array([target, proposal]))
    return seen, mixture_weights(log_laws[0, seen], log_laws[:, seen].T, SHARES)


def covered(target, proposal, n, counts, alpha=0.05):
    """Share of replications in which the interval holds the truth; and the last estimate."""
    truth = sum(target[i] for i in counts)
    hits = 0
    for seed in range(REPLICATIONS):
        seen, weights = draws(np.random.default_rng(seed), target, proposal, n)
        found = importance_interval(weights * np.isin(seen, counts), BOUND, alpha)
        hits += found.low <= truth <= found.high
    return hits / REPLICATIONS, found


def test_weights_are_the_balance_heuristic_and_bounded_by_the_share():
    weights = mixture_weights(np.log([0.2, 0.2]), np.log([[0.2, 0.6], [0.2, 1e-300]]), SHARES)
    assert weights == pytest.approx([0.2 / 0.24, BOUND])
    never = mixture_weights(np.array([-np.inf, -1.0]), np.array([[-np.inf, -2.0], [-1.0, -np.inf]]), SHARES)
    assert never == pytest.approx([0, BOUND])
    for shares in ((0.9, 0.2), (1.0,), (1.0, 0.0)):
        with pytest.raises(ValueError, match="positive numbers that sum to 1"):
            mixture_weights(np.zeros(1), np.zeros((1, 2)), shares)


def test_weights_average_one_and_weighted_values_the_rate():
    seen, weights = draws(np.random.default_rng(0), [0.001, 0.3, 0.699], [0.8, 0.1, 0.1], 200_000)
    assert weights.mean() == pytest.approx(1, abs=0.005)
    assert (weights * (seen == 0)).mean() == pytest.approx(0.001, rel=0.03)


def test_a_good_proposal_makes_the_lower_bound_near_and_the_interval_covers():
    share, found = covered([0.001, 0.999], [0.8, 0.2], 3000, [0])
    assert share >= 0.95
    assert found.low > 0.0007
    # Kish: all hits weigh the same here, so every one of the 300 amplified draws that hits counts whole.
    assert 200 < found.effective < 280
    assert found.standard_error < 0.0001


def test_a_proposal_that_reaches_half_of_the_event_misleads_no_interval():
    """The other half comes with the largest weight there is, in one answer of 2,000: most runs see one or none."""
    share, found = covered([0.0005, 0.0005, 0.999], [0.8, 1e-12, 0.2], 1500, [0, 1])
    assert share >= 0.95
    assert found.high > 0.002


def test_heavy_weights_are_covered_and_the_normal_interval_is_not():
    target, proposal, n = [0.0004, 0.001, 0.9986], [0.5, 1e-9, 0.5], 1000
    truth, short = target[0] + target[1], 0
    for seed in range(REPLICATIONS):
        seen, weights = draws(np.random.default_rng(seed), target, proposal, n)
        x = weights * (seen < 2)
        short += x.mean() + 1.96 * x.std() / np.sqrt(n) < truth
    assert short > 0.25 * REPLICATIONS
    assert covered(target, proposal, n, [0, 1])[0] >= 0.95


def test_nothing_seen_leaves_what_plain_draws_rule_out():
    found = importance_interval(np.zeros(10_000), BOUND, 0.05)
    assert (found.rate, found.low, found.effective) == (0, 0, 0)
    assert 3 / 9000 < found.high < 3.5 / 9000


def test_no_value_says_nothing_and_wrong_ones_are_refused():
    empty = importance_interval([], BOUND, 0.05)
    assert (empty.low, empty.high, empty.n) == (0, 1, 0)
    with pytest.raises(ValueError, match="must lie in"):
        importance_interval([2.0], BOUND, 0.05)
    with pytest.raises(ValueError, match="at least 1"):
        importance_interval([0.5], 0.5, 0.05)


def test_brute_force_is_counted_in_its_own_favour():
    for rate, width in ((0.001, 0.001), (0.01, 0.004)):
        n = brute_force_count(rate, width, 0.05)
        k = round(n * rate)
        # Exact (Clopper-Pearson): the lower bound from the failures' upper one.
        exact = clopper_pearson_upper(k, n, 0.025) - (1 - clopper_pearson_upper(n - k, n, 0.025))
        assert width < exact < 1.6 * width
    assert brute_force_count(0.0, 0.001, 0.05) == pytest.approx(2996, abs=1)
    with pytest.raises(ValueError, match="width=0"):
        brute_force_count(0.1, 0, 0.05)
