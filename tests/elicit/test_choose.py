"""Which prompts get pairs: a control that knows no lead, and where the leads are strongest."""

from whatchanged.elicit import choose_prompts
from whatchanged.records import ContextRef, Lead

ORDER = [f"p{i}" for i in range(20)]


def lead(*prompts):
    return Lead(id="x", contexts=tuple(ContextRef(prompt_id=p, draw=0, position=0, weight=1.0) for p in prompts))


def test_the_control_is_the_head_of_the_order_whatever_the_leads():
    for leads in ([], [lead("p19", "p0")], [lead(*ORDER[::-1])]):
        control, strongest = choose_prompts(ORDER, leads, 8)
        assert control == ORDER[:4]
        assert not set(control) & set(strongest)
        assert len(control) + len(strongest) <= 8


def test_leads_take_turns_with_their_strongest():
    leads = [lead("p10", "p11", "p12"), lead("p15", "p16", "p17")]
    assert choose_prompts(ORDER, leads, 8)[1] == ["p10", "p15", "p11", "p16"]


def test_what_is_taken_is_passed_over():
    leads = [lead("p0", "p10", "p11"), lead("p10", "p1", "p12"), lead("p0", "p10")]
    assert choose_prompts(ORDER, leads, 8)[1] == ["p10", "p12", "p11"]


def test_few_prompts_are_all_used_and_none_is_no_error():
    assert choose_prompts(ORDER[:3], [lead("p2", "p2")], 8) == (["p0", "p1", "p2"], [])
    assert choose_prompts([], [], 8) == ([], [])
    assert choose_prompts(ORDER, [lead("p10")], 0) == ([], [])
