"""Golden numbers of the R package onlineFDR (Bioconductor 2.19.1), and the realised FDR of a campaign."""

import math
import sys

import numpy as np
import pytest

from whatchanged.errors import MissingExtra, SpecError
from whatchanged.stats import Bet, bh, decide, e_bh, levels, p_from_log_e, threshold

# fmt: off
P = [2.90e-08, .06743, .01514, .08174, .00171, 3.60e-05, .79149, .27201, .28295, 7.59e-08, .69274, .30443,
     .00136, .72342, .54757]
SAFFRON = [.005468627, *[.010937254] * 4, .021874508, .032811762, *[.010823845] * 3, .021761099,
           *[.009265591] * 2, .020202846, .009064367]
ADDIS = [.002734314, *[.005468627] * 4, .010937254, *[.016405881] * 2, .005411923, .002828822,
         *[.008297449] * 2, .003589243, *[.009057870] * 2]
LORD = [.0002675839, .0024664457, .0005732818, .0004872805, .0004059066, .0003447286, .0029745013,
        .0008450114, .0007305648, .0006243143, .0032185913, .0010617227, .0009256825, .0008019657,
        .0007059610]
LOND = [.0026758385, .0011638206, .0009912499, .0008243606, .0006988870, .0006045900, .0007979166,
        .0007117838, .0006421423, .0005847378, .0007155186, .0006610273, .0006141682, .0005734509,
        .0005377472]
# A wrong initial wealth shows above in the first row only; here it cannot hide.
TRAP = [.4, .03, .8, .0005, .2, .001, .9, .004, .6, .0001]
TRAP_LEVELS = [*[.005468627] * 3, .001803974, *[.007272601] * 2, .018209855, .006354863, .017292117,
               .007031859]
# fmt: on


def rejected(name, evidence):
    return [i + 1 for i, flag in enumerate(decide(name, evidence, 0.05)) if flag]


@pytest.mark.parametrize(
    ("name", "stream", "expected", "decimals", "hits"),
    [
        ("saffron", P, SAFFRON, 9, [1, 5, 6, 10, 13]),
        ("addis", P, ADDIS, 9, [1, 5, 6, 10, 13]),
        ("lord++", P, LORD, 10, [1, 6, 10]),
        ("lond", P, LOND, 10, [1, 6, 10]),
        ("saffron", TRAP, TRAP_LEVELS, 9, [4, 6, 8, 10]),
    ],
)
def test_levels_and_rejections_are_golden(name, stream, expected, decimals, hits):
    np.testing.assert_allclose(levels(name, stream, 0.05), expected, rtol=0, atol=0.51 * 10**-decimals)
    assert rejected(name, stream) == hits


def test_e_lond_is_golden():
    stream = [1000, 20, 5, 900, 0.5, 3000, 400, 1500]
    assert rejected("e-lond", stream) == [1, 6, 8]
    assert levels("e-lond", stream, 0.05)[0] == pytest.approx(LOND[0], abs=1e-10)


def test_e_bh_thresholds_for_twenty_hypotheses():
    assert decide("e-bh", [400] + [1] * 19, 0.05) == [True] + [False] * 19
    assert not any(e_bh([399.9] + [1] * 19, 0.05))
    assert sum(e_bh([1] * 15 + [80] * 5, 0.05)) == 5
    assert sum(e_bh([1] * 15 + [80] * 4 + [79.9], 0.05)) == 0
    assert e_bh([5, math.inf, 0], 0.05) == [False, True, False]
    assert e_bh([], 0.05) == []


def test_e_bh_rejects_all_that_pass_together_though_none_would_alone():
    # 30 >= 3/(.05 * 2) for the two largest, while 60 >= 3/.05 is met by neither.
    assert e_bh([30, 1, 31], 0.05) == [True, False, True]


def test_threshold_is_what_the_next_rejection_needs():
    assert threshold("e-bh", 0.05, 20) == pytest.approx(400)
    assert threshold("e-bh", 0.05, 20, 4) == pytest.approx(80)
    assert threshold("e-bh", 0.05, 20, 20) == pytest.approx(20)
    assert threshold("e-lond", 0.05, 15) == pytest.approx(1 / (LOND[14] / 4), rel=1e-6)
    for name in ("e-lond", "saffron", "addis"):
        alone, later = threshold(name, 0.05, 1), threshold(name, 0.05, 20)
        helped = threshold(name, 0.05, 20, 5)
        assert alone < later
        assert helped < later


def test_p_from_log_e_is_never_zero_and_never_above_one():
    assert p_from_log_e(math.log(20)) == pytest.approx(0.05)
    assert p_from_log_e(-3000.0) == 1
    assert 0 < p_from_log_e(1e6) < 1e-300
    with pytest.raises(ValueError, match="NaN"):
        p_from_log_e(math.nan)


def test_e_bh_keeps_the_fdr_of_null_campaigns_that_stop_when_it_suits_them():
    # 20 true nulls at the boundary, each stopped as soon as it would be rejected alone: FDR = P(any).
    rng, margin, alpha, campaigns = np.random.default_rng(11), 0.05, 0.2, 200
    target, false = math.log(threshold("e-bh", alpha, 20)), 0
    for _ in range(campaigns):
        e = []
        for _ in range(20):
            path = Bet(margin).run((rng.random(120) < margin).astype(float))
            crossed = np.flatnonzero(path >= target)
            e.append(math.exp(path[crossed[0]] if len(crossed) else path[-1]))
        false += any(e_bh(e, alpha))
    assert false / campaigns <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / campaigns)


def test_bad_input_names_the_remedy(monkeypatch):
    with pytest.raises(SpecError, match=r"'holm'.*e-lond"):
        decide("holm", [0.1], 0.05)
    with pytest.raises(ValueError, match="NaN"):
        e_bh([1, math.nan], 0.05)
    with pytest.raises(ValueError, match="at least one"):
        threshold("e-bh", 0.05, 0)
    monkeypatch.setitem(sys.modules, "online_fdr", None)
    with pytest.raises(MissingExtra, match=r"whatchanged\[fdr\]"):
        decide("saffron", [0.1], 0.05)


def test_bh_on_the_example_of_its_paper():
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1.0,
    ]
    assert sum(bh(p, 0.05)) == 4  # Benjamini and Hochberg 1995, section 4
    assert decide("bh", p[::-1], 0.05) == bh(p, 0.05)[::-1]
    # A step-up rule: the larger of two passes, so both do.
    assert bh([0.04, 0.045], 0.05) == [True, True]
    assert bh([], 0.05) == []


@pytest.mark.parametrize("p", [0.0, 1.1, math.nan])
def test_bh_refuses_what_is_no_p_value(p):
    with pytest.raises(ValueError, match="p-values must lie"):
        bh([p], 0.05)
