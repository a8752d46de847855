"""Golden numbers of confseq 0.0.11, and validity under continuous peeking."""

import math

import numpy as np
import pytest

from whatchanged.stats import Bet, Mixture, PlugIn, confidence_sequence, interval, log_e_process

X = np.array([1, 0, 1, 1, 0, 1, 1, 1, 0, 1] * 10, dtype=float)

DISTRIBUTIONS = {
    "bernoulli .02": (lambda rng, n: (rng.random(n) < 0.02).astype(float), 0.02),
    "bernoulli .5": (lambda rng, n: (rng.random(n) < 0.5).astype(float), 0.5),
    "bernoulli .95": (lambda rng, n: (rng.random(n) < 0.95).astype(float), 0.95),
    "beta(2, 5)": (lambda rng, n: rng.beta(2, 5, n), 2 / 7),
    "constant": (lambda rng, n: np.full(n, 0.3), 0.3),
}

# D in [-1, 1] with mean exactly .05
AT_MARGIN = {
    "one or nothing": lambda rng, n: (rng.random(n) < 0.05).astype(float),
    "one or minus one": lambda rng, n: np.where(rng.random(n) < 0.525, 1.0, -1.0),
    "flat": lambda rng, n: rng.uniform(-0.9, 1.0, n),
    "rare loss": lambda rng, n: np.where(rng.random(n) < 0.05, -1.0, 0.1 / 0.95),
}


def test_plug_in_reproduces_confseq_hedged_sequence():
    lower, upper = confidence_sequence(X, 0.05, 0, 1, method="plug-in")
    at = np.array([10, 50, 100]) - 1
    np.testing.assert_allclose(lower[at], [0.273, 0.499, 0.552], atol=1e-9)
    np.testing.assert_allclose(upper[at], [0.993, 0.866, 0.833], atol=1e-9)


def test_plug_in_reproduces_confseq_capital():
    half, strategy = np.array([0.5]), PlugIn()
    sides = [strategy.log_capital(x, half, level=0.025)[0] for x in (X, 1 - X)]
    capital = np.exp(np.maximum(*sides)) / 2
    np.testing.assert_allclose(capital[[9, 49, 99]], [1.06787109, 18.29571321, 263.95946599], atol=5e-9)
    assert np.flatnonzero(capital >= 20)[0] + 1 == 51


@pytest.mark.parametrize("method", ["mixture", "plug-in", PlugIn(c=0.8, prior_mean=0.9), Mixture(c=0.99)])
def test_interval_is_the_last_row_of_the_sequence(method):
    d = np.random.default_rng(1).uniform(-0.2, 0.9, 70)
    lower, upper = confidence_sequence(d, 0.1, method=method, breaks=512)
    assert interval(d, 0.1, method=method, breaks=512) == pytest.approx((lower[-1], upper[-1]))
    assert (np.diff(lower) >= 0).all()
    assert (np.diff(upper) <= 0).all()


@pytest.mark.parametrize("method", ["mixture", "plug-in"])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_time_uniform_coverage(name, method):
    # The running intersection misses the mean at the end exactly when it missed it at some time.
    draw, mean = DISTRIBUTIONS[name]
    rng = np.random.default_rng(7)
    bounds = [interval(draw(rng, 80), 0.1, 0, 1, method=method, breaks=1024) for _ in range(400)]
    missed = np.mean([not low <= mean <= high for low, high in bounds])
    assert missed <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / 400)


def test_mixture_is_narrower_than_plug_in_on_steady_scores():
    rng = np.random.default_rng(0)
    for n, gain in ((20, 0.75), (60, 0.75), (100, 0.75)):
        d = np.clip(rng.normal(0.9, 0.1, n), -1, 1)
        width = {m: np.subtract(*interval(d, 0.05, method=m)[::-1]) for m in ("mixture", "plug-in")}
        assert width["mixture"] < gain * width["plug-in"]


@pytest.mark.parametrize("side", ["above", "below"])
@pytest.mark.parametrize("name", AT_MARGIN)
def test_type_one_error_under_continuous_peeking(name, side):
    rng = np.random.default_rng(3)
    peaks = [log_e_process(AT_MARGIN[name](rng, 150), 0.05, side=side).max() for _ in range(400)]
    for alpha in (0.05, 0.2):
        crossed = np.mean(np.array(peaks) >= math.log(1 / alpha))
        assert crossed <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / 400)


def test_e_has_mean_at_most_one_exactly():
    # All 2^10 sequences of D in {-1, 1} with mean .2, weighted by their probability.
    bits = (np.arange(1024)[:, None] >> np.arange(10)) & 1
    chance = 0.6 ** bits.sum(1) * 0.4 ** (10 - bits.sum(1))
    for side in ("above", "below"):
        e = [math.exp(Bet(0.2, side).update(2.0 * row - 1).log_e) for row in bits]
        assert chance @ e == pytest.approx(1, abs=1e-12)


def test_mixture_of_bets_is_one_predictable_bet():
    d, margin, bet = [0.3, -0.7, 1.0, 0.1], 0.1, Bet(0.1)
    for value in d:
        before = bet.log_e
        weights = np.exp(bet.log_wealth - bet.log_wealth.max())
        stake = weights @ (0.9 / (1 + margin) * 2.0 ** -np.arange(7)) / weights.sum()
        bet.update([value])
        assert bet.log_e - before == pytest.approx(math.log1p(stake * (value - margin)))
        assert 0 <= stake <= 0.9 / (1 + margin)


def test_updates_in_portions_equal_one_run():
    d = np.random.default_rng(5).uniform(-1, 1, 40)
    whole = log_e_process(d, 0.05)
    bet = Bet(0.05).update(d[:7]).update([]).update(d[7:])
    assert bet.log_e == pytest.approx(whole[-1])
    assert bet.max_log_e == pytest.approx(max(0, whole.max()))
    assert bet.n == 40
    assert Bet(0.05).log_e == pytest.approx(0)


def test_sides_gather_evidence_for_opposite_claims():
    assert log_e_process([0.5] * 60, 0.05)[-1] > math.log(400)
    assert log_e_process([0.5] * 60, 0.05, side="below")[-1] < 0
    assert log_e_process([0.0] * 300, 0.05, side="below")[-1] > math.log(20)
    assert log_e_process([0.0] * 300, 0.05)[-1] < 0


def test_sequence_excludes_the_margin_exactly_when_the_bet_passes():
    d = np.random.default_rng(2).uniform(-0.3, 0.9, 120)
    passed = np.maximum.accumulate(log_e_process(d, 0.05)) > math.log(2 / 0.1)
    lower, _ = confidence_sequence(d, 0.1, breaks=1000)
    np.testing.assert_array_equal(lower >= 0.05 - 1e-9, passed)


def test_sure_values_at_the_edges():
    low, high = interval([1.0] * 50, 0.05)
    assert high == 1
    assert 0.8 < low < 1
    assert interval([], 0.05) == (-1, 1)
    assert interval([0.0] * 50, 0.05, 0, 1)[0] == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: log_e_process([0.2, math.nan], 0.05),
        lambda: log_e_process([1.5], 0.05),
        lambda: Bet(1.0),
        lambda: Bet(0.0, c=1.0),
        lambda: Bet(0.0, side="beside"),
        lambda: interval([0.5], 1.0),
        lambda: interval([-0.5], 0.05, 0, 1),
        lambda: interval([0.5], 0.05, method="bayes"),
    ],
)
def test_senseless_input_is_refused(call):
    with pytest.raises(ValueError, match=r"must|one of"):
        call()
