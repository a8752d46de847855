"""The correction covers where the raw difference does not; the worst corner is the worst point of the box."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatchanged.stats import (
    Bet,
    Calibration,
    clopper_pearson_upper,
    corrected_interval,
    corrected_log_e,
    corrected_rate,
    interval,
    ppi_interval,
)

PERFECT = Calibration(2000, 0, 2000, 0)


def judged(rng, rate, se, sp, n):
    truth = rng.random(n) < rate
    return (rng.random(n) < np.where(truth, se, 1 - sp)).astype(float)


def calibrated(rng, se, sp, each=100):
    hits, passes = int(rng.binomial(each, se)), int(rng.binomial(each, sp))
    return Calibration(hits, each - hits, passes, each - passes)


def test_rogan_gladen():
    calibration = Calibration(90, 10, 95, 5)
    assert (calibration.sensitivity, calibration.specificity) == (0.9, 0.95)
    assert calibration.youden == pytest.approx(0.85)
    assert corrected_rate(0.9 * 0.3 + 0.05 * 0.7, calibration) == pytest.approx(0.3)
    assert corrected_rate(0.01, calibration) == 0
    assert corrected_rate(0.97, calibration) == 1


@pytest.mark.parametrize("blind", [Calibration(5, 5, 5, 5), Calibration(1, 9, 1, 9), Calibration(0, 0, 9, 1)])
def test_a_judge_no_better_than_a_coin_says_nothing(blind):
    assert corrected_interval([], [], PERFECT, PERFECT, 0.05) == (0, -1, 1)
    assert corrected_log_e([], [], (PERFECT, PERFECT), 0.05, 1, 0.01) == 0
    with pytest.raises(ValueError, match="no better than a coin"):
        corrected_rate(0.5, blind)
    verdicts = np.zeros(100), np.ones(100)
    assert corrected_interval(*verdicts, PERFECT, blind, 0.05) == (0, -1, 1)
    assert corrected_log_e(*verdicts, (blind, PERFECT), 0.05, 1, 0.01) == 0


def test_few_labels_may_hide_a_coin():
    good_but_unproven = Calibration(3, 0, 3, 0)
    effect, low, high = corrected_interval(np.zeros(50), np.ones(50), PERFECT, good_but_unproven, 0.05)
    assert (effect, low, high) == (1, -1, 1)


@pytest.mark.parametrize(
    ("rates", "base_judge", "candidate_judge"),
    [((0.1, 0.1), (0.95, 0.97), (0.8, 0.75)), ((0.2, 0.5), (0.9, 0.8), (0.6, 0.95))],
    ids=["no change looks like one", "a change is hidden"],
)
def test_without_the_correction_the_interval_misses_the_truth(rates, base_judge, candidate_judge):
    rng = np.random.default_rng(3)
    truth, raw, corrected = rates[1] - rates[0], 0, 0
    for _ in range(200):
        base, candidate = judged(rng, rates[0], *base_judge, 300), judged(rng, rates[1], *candidate_judge, 300)
        low, high = interval(candidate - base, 0.05)
        raw += low <= truth <= high
        calibrations = calibrated(rng, *base_judge), calibrated(rng, *candidate_judge)
        _, low, high = corrected_interval(base, candidate, *calibrations, 0.05)
        corrected += low <= truth <= high
        assert -1 <= low < high <= 1
    assert raw < 0.5 * 200
    assert corrected >= 0.95 * 200


def test_the_corrected_interval_is_no_wider_than_it_must_be():
    rng = np.random.default_rng(5)
    base, candidate = judged(rng, 0.1, 0.95, 0.97, 2000), judged(rng, 0.7, 0.9, 0.95, 2000)
    calibrations = calibrated(rng, 0.95, 0.97, 1000), calibrated(rng, 0.9, 0.95, 1000)
    effect, low, high = corrected_interval(base, candidate, *calibrations, 0.05)
    assert effect == pytest.approx(0.6, abs=0.05)
    assert low > 0.45
    assert high < 0.75


def test_a_perfect_judge_changes_little():
    rng = np.random.default_rng(1)
    base, candidate = (rng.random(300) < 0.2).astype(float), (rng.random(300) < 0.4).astype(float)
    effect, low, high = corrected_interval(base, candidate, PERFECT, PERFECT, 0.05)
    plain_low, plain_high = interval(candidate - base, 0.025)
    assert effect == pytest.approx(np.mean(candidate - base))
    assert plain_low - 0.03 < low <= plain_low < effect < plain_high <= high < plain_high + 0.03
    log_e = corrected_log_e(base, candidate, (PERFECT, PERFECT), 0.05, 1, 0.01)
    plain = Bet(0.05).update(candidate - base).log_e
    assert 0.7 * plain < log_e < plain
    assert corrected_log_e(base, candidate, (PERFECT, PERFECT), 0.05, -1, 0.01) < 0


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    at=st.tuples(*[st.floats(0, 1)] * 4),
    margin=st.sampled_from([-0.3, 0.0, 0.05, 0.4]),
    sign=st.sampled_from([1, -1]),
)
def test_no_point_of_the_box_is_worse_than_its_corners(seed, at, margin, sign):
    rng = np.random.default_rng(seed)
    counts = [(int(k), 60 - int(k)) for k in rng.integers(50, 60, 4)]
    calibrations = Calibration(*counts[0], *counts[1]), Calibration(*counts[2], *counts[3])
    base, candidate = rng.random(40) ** 2, (rng.random(40) < rng.random()).astype(float)
    delta = 0.1
    limits = [
        (1 - clopper_pearson_upper(m, k + m, delta / 8), clopper_pearson_upper(k, k + m, delta / 8)) for k, m in counts
    ]
    se_b, sp_b, se_c, sp_c = (low + share * (high - low) for share, (low, high) in zip(at, limits, strict=True))
    j_b, j_c = se_b + sp_b - 1, se_c + sp_c - 1
    d = sign * ((candidate + sp_c - 1) / j_c - (base + sp_b - 1) / j_b)
    ends = sign * ((sp_c - 1) / j_c - sp_b / j_b), sign * (sp_c / j_c - (sp_b - 1) / j_b)
    low, high = min(ends), max(ends)
    bet = Bet(2 * (margin - low) / (high - low) - 1)
    at_the_point = bet.update(2 * (d - low) / (high - low) - 1).log_e
    assert corrected_log_e(base, candidate, calibrations, margin, sign, delta) <= at_the_point + 1e-9


def test_log_e_at_the_margin_is_an_e_value():
    rng = np.random.default_rng(11)
    e = []
    for _ in range(400):
        base, candidate = judged(rng, 0.2, 0.95, 0.97, 100), judged(rng, 0.25, 0.85, 0.85, 100)
        calibrations = calibrated(rng, 0.95, 0.97), calibrated(rng, 0.85, 0.85)
        e.append(math.exp(corrected_log_e(base, candidate, calibrations, 0.05, 1, 0.01)))
    assert np.mean(e) <= 1.1
    assert np.mean(np.array(e) >= 20) <= 0.05


def test_log_e_finds_a_change_in_its_direction_only():
    rng = np.random.default_rng(2)
    base, candidate = judged(rng, 0.1, 0.95, 0.97, 300), judged(rng, 0.7, 0.9, 0.9, 300)
    calibrations = calibrated(rng, 0.95, 0.97), calibrated(rng, 0.9, 0.9)
    assert corrected_log_e(base, candidate, calibrations, 0.05, 1, 0.01) > math.log(100)
    assert corrected_log_e(base, candidate, calibrations, 0.05, -1, 0.01) < 0
    assert corrected_log_e(candidate, base, calibrations[::-1], 0.05, -1, 0.01) > math.log(100)


def test_prediction_powered_interval_covers_even_with_bad_predictions():
    rng = np.random.default_rng(4)

    def predicted(truth, right):
        return np.where(rng.random(len(truth)) < right, truth, 1 - truth)

    for right in (0.95, 0.4):
        covered = 0
        for _ in range(200):
            labels, unseen = (rng.random(60) < 0.3).astype(float), (rng.random(400) < 0.3).astype(float)
            _, low, high = ppi_interval(predicted(unseen, right), predicted(labels, right), labels, 0.1)
            covered += low <= 0.3 <= high
        assert covered >= 0.9 * 200


def test_good_predictions_make_it_narrower_than_the_labels_alone():
    rng = np.random.default_rng(6)
    labels, unseen = (rng.random(150) < 0.5).astype(float), (rng.random(4000) < 0.5).astype(float)
    guess = np.where(rng.random(150) < 0.99, labels, 1 - labels)
    estimate, low, high = ppi_interval(unseen, guess, labels, 0.05)
    alone = interval(labels, 0.05, 0, 1)
    assert low < estimate < high
    assert high - low < 0.7 * (alone[1] - alone[0])


def test_prediction_powered_differences():
    estimate, low, high = ppi_interval(np.full(500, -0.5), np.full(80, -0.5), np.full(80, -0.4), 0.05, -1, 1)
    assert estimate == pytest.approx(-0.4)
    assert -0.6 < low < -0.4 < high < -0.1


def test_senseless_input_is_refused():
    with pytest.raises(ValueError, match="must not be negative"):
        Calibration(-1, 1, 1, 1)
    with pytest.raises(ValueError, match="2 base and 1 candidate"):
        corrected_interval([0, 1], [1], PERFECT, PERFECT, 0.05)
    with pytest.raises(ValueError, match=r"value 1\.5"):
        corrected_log_e([0], [1.5], (PERFECT, PERFECT), 0.05, 1, 0.01)
    with pytest.raises(ValueError, match="sign=0"):
        corrected_log_e([0], [1], (PERFECT, PERFECT), 0.05, 0, 0.01)
    with pytest.raises(ValueError, match="delta=0"):
        corrected_log_e([0], [1], (PERFECT, PERFECT), 0.05, 1, 0)
    with pytest.raises(ValueError, match="3 predictions, 1 beside 2 labels"):
        ppi_interval([0, 1, 1], [0], [1, 0], 0.05)


def test_equal_answers_that_nobody_read_are_no_difference() -> None:
    perfect = Calibration(10_000, 0, 10_000, 0)
    rng = np.random.default_rng(5)
    read_base, read_candidate = (rng.random(200) < 0.2).astype(float), (rng.random(200) < 0.8).astype(float)
    unread, order = np.full(200, np.nan), rng.permutation(400)
    base, candidate = (np.concatenate((read, unread))[order] for read in (read_base, read_candidate))
    effect, low, high = corrected_interval(base, candidate, perfect, perfect, 0.05)
    assert effect == pytest.approx((read_candidate.mean() - read_base.mean()) / 2, abs=1e-9)
    assert low < 0.3 < high
    # The same differences, read and found to be zero, tell a good judge's bets the same.
    known = np.nan_to_num(base), np.nan_to_num(candidate)
    evidence = [corrected_log_e(*pair, (perfect, perfect), 0.05, 1, 0.01) for pair in ((base, candidate), known)]
    assert evidence[0] == pytest.approx(evidence[1], rel=0.02)
    poor = Calibration(60, 40, 60, 40)
    assert corrected_log_e(unread, unread, (poor, poor), 0.05, 1, 0.01) <= 0
