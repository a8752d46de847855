"""Where the looks go: to what may be decided soonest, for the least."""

import math

from law import hypothesis
from words import prompts_about

from whatchanged.confirm import Rate
from whatchanged.confirm.arms import Arm
from whatchanged.confirm.measure import SAMPLED, SCORED
from whatchanged.predicates import load
from whatchanged.stats import Bet


def arm(number=0, prompts=100, **rest):
    made = hypothesis(number, **rest)
    scored = bool(load(made.predicate).openings())
    return Arm(made, load(made.predicate), prompts_about()[:prompts], SCORED if scored else SAMPLED, scored)


def test_prompts_are_taken_in_batches_and_once():
    for scored in (True, False):
        taken, this = [], arm(prompts=70, scored=scored)
        while batch := this.take():
            assert len(batch) <= this.pace.batch
            taken += batch
        assert taken == prompts_about()[:70]


def test_both_bets_see_the_difference_in_the_hypothesis_direction():
    less = arm(direction="less")
    less.see([Rate(0.9, 0.1), Rate(0.5, 0.5)])
    assert less.differences == [0.1 - 0.9, 0.0]
    assert less.above.log_e == Bet(0.05).update([0.8, 0.0]).log_e
    assert less.below.log_e == Bet(0.05, side="below").update([0.8, 0.0]).log_e


def test_settled_when_refuted_or_out_of_prompts_or_sure_and_seen_enough():
    this = arm(prompts=0)
    assert this.settled(5.0, 3.0)
    refuted = arm()
    refuted.see([Rate(1.0, 0.0)] * 32)
    assert refuted.settled(5.0, 3.0)
    for scored in (True, False):
        sure = arm(scored=scored)
        sure.see([Rate(0.0, 1.0)] * (sure.pace.enough - 1))
        assert sure.above.log_e > 20
        assert not sure.settled(5.0, 3.0)
        sure.see([Rate(0.0, 1.0)])
        assert sure.settled(5.0, 3.0)
        assert not sure.settled(math.inf, 3.0)


def test_what_is_promising_and_cheap_comes_first():
    assert arm(prior=0.8).index(0) > arm(prior=0.1).index(0)
    assert arm().index(0) > arm(scored=False).index(0)
    strong, weak = arm(), arm()
    strong.see([Rate(0.0, 1.0)] * 8)
    weak.see([Rate(0.1, 0.12), Rate(0.1, 0.15)] * 4)
    assert strong.index(10) > weak.index(10)


def test_a_hopeless_looking_arm_is_looked_at_again_in_time():
    weak = arm()
    weak.see([Rate(0.1, 0.12), Rate(0.1, 0.15)] * 4)
    assert weak.index(10**6) > weak.index(1)


def test_a_missing_rate_is_no_evidence_and_is_counted():
    this, same = arm(), arm()
    this.see([Rate(0.0, 1.0), None, Rate(0.0, 1.0), None])
    same.see([Rate(0.0, 1.0)] * 2)
    assert (this.above.log_e, this.below.log_e, len(this.rates)) == (same.above.log_e, same.below.log_e, 2)
    assert this.missing == 2


def test_a_claim_that_nobody_reads_gives_way_to_others():
    for read, over in ((0, True), (2, True), (3, False)):
        this = arm(scored=False)
        this.see([Rate(0.0, 0.0)] * read + [None] * 24)
        assert this.settled(5.0, 3.0) is over
    little, other = arm(scored=False), arm(1, scored=False)
    little.see([None] * 23)
    assert not little.settled(5.0, 3.0)
    assert little.index(1) < other.index(1)
