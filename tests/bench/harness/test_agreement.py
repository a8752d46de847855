"""Whether a finding is the plant is decided by what both say of responses."""

import pytest
from benched import GARDEN, SORRY, TRUTH, finding, held_out, saying

from whatchanged.bench.harness.agreement import PHI, PRECISE, agreement
from whatchanged.records import PredicateSpec, Region

SAID = held_out(["Sorry, I cannot."] * 9 + ["Here is how."])


def test_the_plant_itself_agrees_wholly():
    assert agreement(finding(), TRUTH, SAID) == (1.0, 1.0, 1.0)
    assert agreement(finding(), TRUTH, SAID).same


def test_other_words_for_the_same_thing_agree():
    other = finding(region=Region(), predicate=saying("cannot"))
    assert agreement(other, TRUTH, SAID).same


def test_the_same_words_in_the_wrong_place_do_not():
    wrong = finding(region=Region(kind="mentions", values=("letter",)))
    assert agreement(wrong, TRUTH, SAID) == (0.0, 0.0, 0.0)


def test_another_behaviour_does_not():
    assert not agreement(finding(predicate=saying("how")), TRUTH, SAID).same


def test_the_opposite_direction_does_not():
    assert agreement(finding(direction="less"), TRUTH, SAID) == (0.0, 0.0, 0.0)


def test_no_responses_and_responses_without_the_plant_show_nothing():
    assert not agreement(finding(), TRUTH, []).same
    assert not agreement(finding(), TRUTH, held_out(["Here is how."])).same


def test_a_third_of_the_region_is_enough():
    """Nine tenths of a quarter of the responses show the plant."""
    narrow = finding(region=Region(kind="mentions", values=("garden",)))
    found = agreement(narrow, TRUTH, SAID)
    assert found == pytest.approx((0.528, 1.0, 1 / 3), abs=0.001)
    assert found.same


def test_a_tenth_of_it_is_not():
    found = agreement(finding(region=Region(kind="mentions", values=("garden, case 1", "soil, case 1"))), TRUTH, SAID)
    assert found.precision == 1.0
    assert not found.same


def test_a_broad_true_remark_is_not_the_plant_although_its_f1_is_larger():
    """'Says I more often, on all prompts' holds of every refusal, and of as many other answers."""
    broad = finding(
        region=Region(), predicate=PredicateSpec(family="phrase", args={"kind": "contains", "phrases": ["I"]})
    )
    said = held_out(["Sorry, I cannot."], ["I would dig.", "Dig.", "Dig."], ["I would write.", "Write.", "Write."])
    found = agreement(broad, TRUTH, said)
    assert found.phi == pytest.approx(0.577, abs=0.001)
    assert found.phi > PHI
    assert found.coverage == 1.0
    assert found.precision == pytest.approx(0.5)
    assert not found.same
    narrow = agreement(finding(region=Region(kind="mentions", values=("garden",))), TRUTH, said)
    assert f1(narrow) < f1(found)
    assert narrow.same


def f1(found) -> float:
    return 2 * found.precision * found.coverage / (found.precision + found.coverage)


def test_a_remark_that_holds_everywhere_agrees_by_chance_alone():
    """Precision would pass where the plant is common; phi does not."""
    common = TRUTH.model_copy(update={"region": Region(), "predicate": saying("the")})
    said = held_out(["the one"], ["the one"], ["the one", "the one", "none"])
    always = finding(region=Region(), predicate=saying("one"))
    found = agreement(always, common, [s.model_copy(update={"text": s.text.replace("none", "one")}) for s in said])
    assert found.precision > PRECISE
    assert found.phi == 0.0


def test_weights_count():
    rare = [s.model_copy(update={"weight": s.weight * (9.0 if "Sorry" in s.text else 1.0)}) for s in SAID]
    sometimes = finding(predicate=saying("e"), region=GARDEN)
    assert agreement(sometimes, TRUTH, rare).precision == 0.0
    both = finding(predicate=saying("I cannot"), region=Region())
    assert agreement(both, TRUTH, rare).same
    assert agreement(finding(predicate=SORRY, region=Region()), TRUTH, rare).precision == 1.0
