"""Bets on an erring judge's verdicts: only what the truth itself must differ by counts."""

import math

import numpy as np
import pytest

from whatchanged.confirm.arms import Arm
from whatchanged.confirm.corrected import Calibrated, CorrectedBet, corrected_bounds, verdicts
from whatchanged.confirm.instruments import Pace, Rate
from whatchanged.predicates import load
from whatchanged.records import Hypothesis, PredicateSpec, Prompt, Region
from whatchanged.stats import Bet, Calibration

PERFECT = Calibration(true_positive=2000, false_negative=0, true_negative=2000, false_positive=0)
NOISY = Calibration(true_positive=180, false_negative=20, true_negative=140, false_positive=60)
BLIND = Calibration(true_positive=50, false_negative=50, true_negative=50, false_positive=50)
RUBRIC = PredicateSpec(family="judged", args={"rubric": "It is so.", "cues": ["so"]})


def calibrated(base=PERFECT, candidate=PERFECT, delta=0.005):
    return Calibrated(base, candidate, delta)


def rates(base, candidate, n=200, unread=0, seed=0):
    """Verdicts at these rates; the last `unread` pairs are equal and unread."""
    rng = np.random.default_rng(seed)
    seen = [Rate(float(rng.random() < base), float(rng.random() < candidate)) for _ in range(n)]
    return seen + [Rate(None, None)] * unread


def arm(known, direction="more", n=200):
    claim = Hypothesis(id="h01", sentence="S.", region=Region(), predicate=RUBRIC, direction=direction, margin=0.05)
    fresh = [Prompt.user(str(i)) for i in range(n)]
    return Arm(claim, load(RUBRIC), fresh, Pace(1.0, 32, 64, 256), judge="j", calibrated=known)


def test_unread_pairs_are_nan_in_both():
    base, candidate = verdicts([Rate(0.5, 1.0), Rate(None, None)])
    assert (base[0], candidate[0]) == (0.5, 1.0)
    assert math.isnan(base[1])
    assert math.isnan(candidate[1])


def test_evidence_grows_with_the_difference_and_its_peak_is_kept():
    bet = CorrectedBet(calibrated(), 0.05, 1)
    assert (bet.log_e, bet.max_log_e) == (0.0, 0.0)
    bet.read(rates(0.1, 0.7))
    high = bet.log_e
    assert high > math.log(1 / 0.001)
    bet.read(rates(0.1, 0.7) + rates(0.7, 0.1))
    assert bet.log_e < high == bet.max_log_e


def test_a_judge_that_errs_leaves_less_evidence_than_one_that_does_not():
    seen = rates(0.2, 0.6)
    found = []
    for known in (PERFECT, NOISY):
        bet = CorrectedBet(calibrated(known, known), 0.05, 1)
        bet.read(seen)
        found.append(bet.log_e)
    plain = Bet(0.05).update([r.difference for r in seen])
    assert found[1] < found[0] <= plain.log_e + 1.0


def test_a_blind_judge_is_no_evidence_at_all():
    bet = CorrectedBet(calibrated(BLIND, PERFECT), 0.05, 1)
    bet.read(rates(0.0, 1.0))
    assert bet.log_e == 0.0
    assert corrected_bounds(rates(0.0, 1.0), calibrated(BLIND, PERFECT), 0.05)[1:] == (-1.0, 1.0)


@pytest.mark.parametrize(("direction", "before", "after"), [("more", 0.1, 0.7), ("less", 0.7, 0.1)])
def test_an_arm_bets_in_the_direction_of_its_claim(direction, before, after):
    true = arm(calibrated(), direction)
    true.see(rates(before, after))
    assert true.above.log_e > 5
    assert true.below.log_e < 1
    false = arm(calibrated(), direction)
    false.see(rates(after, before))
    assert false.below.log_e > 5
    assert false.above.log_e < 1
    for tested, sign in ((true, 1 if direction == "more" else -1), (false, -1 if direction == "more" else 1)):
        effect, low, high = tested.bounds(0.05)
        assert low <= effect <= high
        assert min(sign * low, sign * high) > 0


def test_looks_in_parts_are_one_look():
    seen = rates(0.1, 0.7, 96, unread=32)
    whole, parts = arm(calibrated(NOISY, NOISY)), arm(calibrated(NOISY, NOISY))
    whole.see(seen)
    for start in range(0, len(seen), 32):
        parts.see(seen[start : start + 32])
    assert parts.above.log_e == pytest.approx(whole.above.log_e)
    assert parts.bounds(0.05) == whole.bounds(0.05)


def test_missing_rates_are_counted_and_change_nothing():
    whole, holes = arm(calibrated()), arm(calibrated())
    seen = rates(0.1, 0.7, 60)
    whole.see(seen)
    holes.see([None, *seen[:30], None, *seen[30:], None])
    assert holes.missing == 3
    assert holes.above.log_e == whole.above.log_e
    assert holes.bounds(0.05) == whole.bounds(0.05)


def test_equal_answers_pull_the_effect_to_zero():
    few, many = (corrected_bounds(rates(0.1, 0.9, 100, unread), calibrated(), 0.05)[0] for unread in (0, 100))
    assert many == pytest.approx(few / 2)


def test_without_calibration_an_arm_bets_on_the_verdicts_as_they_are():
    plain = arm(None)
    plain.see(rates(0.1, 0.7, 60))
    assert isinstance(plain.above, Bet)
    assert plain.bounds(0.05)[0] == pytest.approx(sum(plain.differences) / 60)
