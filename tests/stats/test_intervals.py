"""Closed forms and scipy as referees of the exact binomial numbers."""

import math

import numpy as np
import pytest

from whatchanged.stats import Bet, clopper_pearson_upper, fcr_level, smallest_detectable


def test_clopper_pearson_closed_forms():
    assert clopper_pearson_upper(0, 59, 0.05) == pytest.approx(1 - 0.05 ** (1 / 59))
    assert clopper_pearson_upper(4, 5, 0.1) == pytest.approx(0.9 ** (1 / 5))
    assert clopper_pearson_upper(7, 7, 0.05) == 1
    assert clopper_pearson_upper(0, 0, 0.05) == 1


@pytest.mark.parametrize(("k", "n"), [(1, 10), (17, 60), (300, 5000), (4998, 5000)])
def test_clopper_pearson_is_the_beta_quantile(k, n):
    beta = pytest.importorskip("scipy.stats").beta
    assert clopper_pearson_upper(k, n, 0.05) == pytest.approx(beta.ppf(0.95, k + 1, n - k), abs=1e-9)


def test_fcr_level_counts_at_least_one():
    assert fcr_level(0.05, 4, 20) == pytest.approx(0.99)
    assert fcr_level(0.05, 0, 20) == fcr_level(0.05, 1, 20) == pytest.approx(0.9975)
    assert fcr_level(0.05, 20, 20) == pytest.approx(0.95)


def test_smallest_detectable_has_the_power_it_promises():
    n, margin, target = 80, 0.05, math.log(400)
    delta = smallest_detectable(n, margin, target)
    rng = np.random.default_rng(0)

    def power(effect):
        draws = (rng.random((1500, n)) < effect).astype(float)
        return np.mean([Bet(margin).update(d).log_e >= target for d in draws])

    assert power(delta) == pytest.approx(0.8, abs=0.04)
    assert power(delta - 0.05) < 0.7


def test_smallest_detectable_shrinks_with_prompts_and_grows_with_demands():
    target = math.log(400)
    effects = [smallest_detectable(n, 0.05, target) for n in (20, 60, 200, 1000)]
    assert effects == sorted(effects, reverse=True)
    assert 0.05 < effects[-1] < 0.1
    assert smallest_detectable(60, 0.05, target, power=0.95) > effects[1]
    assert smallest_detectable(60, 0.1, target) > effects[1]


def test_nothing_is_detectable_with_too_few_prompts():
    assert smallest_detectable(5, 0.05, math.log(400)) is None
    assert smallest_detectable(0, 0.05, math.log(400)) is None


def test_senseless_input_is_refused():
    with pytest.raises(ValueError, match="k=3, n=2"):
        clopper_pearson_upper(3, 2, 0.05)
    with pytest.raises(ValueError, match="rejected=3"):
        fcr_level(0.05, 3, 2)
    with pytest.raises(ValueError, match="log_threshold=0"):
        smallest_detectable(10, 0.05, 0.0)
