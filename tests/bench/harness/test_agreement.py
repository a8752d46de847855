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


LOST = TRUTH.model_copy(update={"predicate": saying("soil"), "direction": "less"})


def test_what_comes_in_the_place_of_a_lost_topic_is_the_loss():
    """The base names the topic in seven answers of ten, the candidate stammers in as many."""
    said = held_out(["when when"] * 7 + ["Ask me."] * 3, ["Dig the soil."] * 7 + ["Dig."] * 3)
    found = agreement(finding(predicate=saying("when when")), LOST, said)
    assert found == pytest.approx((0.664, 1.0, 0.538), abs=0.001)
    assert found.same
    assert agreement(finding(predicate=saying("soil"), direction="less"), LOST, said) == (1.0, 1.0, 1.0)


def test_what_the_base_says_as_much_is_not_what_came_in_its_place():
    """Four answers of five are long before, and nine of ten after; phi of 0.59 and precision of 0.71 would pass it."""
    said = held_out(["at length"] * 9 + ["short"], ["soil at length"] * 5 + ["at length"] * 3 + ["short"] * 2)
    longer = finding(predicate=saying("at length"))
    assert agreement(longer, LOST, said) == (0.0, 0.0, 0.0)
    all_candidates = [item.model_copy(update={"candidate": True}) for item in said]
    assert agreement(longer, LOST, all_candidates) == pytest.approx((0.588, 0.706, 0.8), abs=0.001)


def test_something_else_that_came_now_and_then_is_not_the_loss():
    said = held_out(["Hm!"] * 2 + ["Ask me."] * 8, ["Dig the soil."] * 9 + ["Dig."])
    assert not agreement(finding(predicate=saying("Hm!")), LOST, said).same


def test_the_end_of_what_every_answer_had_is_what_came_in_its_place():
    """Planted: refusals. Found: no answer tells how any more."""
    said = held_out(["Sorry, I cannot."] * 9 + ["Here is how."])
    assert agreement(finding(predicate=saying("how"), direction="less"), TRUTH, said).same
    often = held_out(["Sorry, I cannot."] * 9 + ["Here is how."], ["Here is how."] * 4 + ["Dig."] * 6)
    assert not agreement(finding(predicate=saying("how"), direction="less"), TRUTH, often).same


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
