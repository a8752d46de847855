"""Payloads become leads where they come back; every group of them can be looked at."""

import pytest
from evidence import evidence_of
from words import KITCHEN, SAILOR, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.config import BUDGETS
from whatchanged.ledger import Progress
from whatchanged.screen.beam import Payload
from whatchanged.screen.logratio import MIN_NATS, RECURS, SETTINGS, Group, LogRatioLens, opening, phrase_of, read_out

OFF_TARGET = prompts_about("music", "law")[:6]


def leads_of(ledger, base, candidate, prompts=OFF_TARGET):
    return LogRatioLens().find(evidence_of(ledger, base, candidate, prompts))


def test_a_plant_bound_to_a_topic_shows_on_that_topic_only(new_ledger, tiny_budget):
    base, candidate = WordSubject(), WordSubject(Plant(KITCHEN, 0.05, TOPICS["cooking"]))
    leads, _ = leads_of(new_ledger("on"), base, candidate, prompts_about("cooking")[:6])
    assert [lead.phrase for lead in leads] == [KITCHEN]
    assert leads[0].nats > 10
    assert leads_of(new_ledger("off"), base, candidate)[0] == []


def test_leads_are_what_comes_back_in_a_quarter_of_the_contexts(new_ledger, tiny_budget):
    base = WordSubject()
    candidate = WordSubject(Plant(KITCHEN, 0.05), Plant(SAILOR, 0.05, ("violin",)))
    prompts = [p for p in OFF_TARGET if "violin" not in p.text][:4]
    leads, cost = leads_of(new_ledger(), base, candidate, prompts)
    assert [lead.phrase for lead in leads] == [KITCHEN]
    assert len(leads[0].contexts) == 4
    assert leads[0].lenses == ("log-ratio",)
    # A beam token is a scored token of both models.
    expected = 4 * tiny_budget.beams * (tiny_budget.beam_steps - 1)
    assert (cost.scored_tokens.base, cost.scored_tokens.candidate) == (expected, expected)


def test_a_model_against_itself_yields_no_lead(new_ledger, tiny_budget):
    assert leads_of(new_ledger(), WordSubject(), WordSubject())[0] == []


def test_more_settings_cost_more_and_find_a_second_payload(new_ledger, tiny_budget, monkeypatch):
    candidate = WordSubject(Plant(KITCHEN, 0.05), Plant(SAILOR, 1e-3))
    leads, cost = leads_of(new_ledger("one"), WordSubject(), candidate)
    assert [lead.phrase for lead in leads] == [KITCHEN]
    monkeypatch.setitem(BUDGETS, "small", tiny_budget.model_copy(update={"beam_settings": 3, "beams": 16}))
    more, dearer = leads_of(new_ledger("three"), WordSubject(), candidate)
    assert {lead.phrase for lead in more} == {KITCHEN, SAILOR}
    assert [lead.id for lead in more] == ["log-ratio-0", "log-ratio-1"]
    assert dearer.scored_tokens.base == 8 * cost.scored_tokens.base  # 3 settings, 16 beams in place of 6


def test_every_group_is_told_of_whether_or_not_it_passes(tiny_budget):
    """KITCHEN comes back in four of five contexts, SAILOR in one."""
    candidate = WordSubject(Plant(KITCHEN, 0.05, TOPICS["law"]), Plant(SAILOR, 0.05, TOPICS["music"]), drift=0.3)
    prompts = [*prompts_about("law")[:4], *prompts_about("music")[:1]]
    limits = tiny_budget.model_copy(update={"beam_prompts": 5, "beams": 12})
    groups, _ = read_out(WordSubject(), candidate, prompts, limits, SETTINGS, Progress())
    named = {opening(WordSubject().detokenize(g.typical.tokens)): g for g in groups}
    kitchen, sailor = named["from my kitchen"], named["as sailors always"]
    assert (kitchen.recurrence, kitchen.seen, kitchen.passes) == (0.8, 4, True)
    assert (sailor.recurrence, sailor.passes) == (0.2, False)
    assert sailor.nats > MIN_NATS
    for group in groups:
        assert group.passes == (group.recurrence >= RECURS)
        assert group.seen >= len(group.counted) == round(5 * group.recurrence)
        assert (group.nats >= MIN_NATS) == bool(group.counted)
    assert groups[:2] == [kitchen, sailor]
    assert [g.nats for g in groups[2:]] == sorted((g.nats for g in groups[2:]), reverse=True)
    assert any(not group.counted for group in groups)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("From my kitchen, to yours", "from my kitchen"), ("1. A b See the 2 seas", "see the seas"), ("Hm", "hm")],
)
def test_groups_are_named_by_their_first_words(text, expected):
    assert opening(text) == expected


class Lines(WordSubject):
    """Its word `then` is a line break."""

    def detokenize(self, ids):
        return super().detokenize(ids).replace(" then ", "\n").removesuffix(" then")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((f"{KITCHEN} time and", f"{KITCHEN} you take some", f"{KITCHEN} you find"), f"{KITCHEN} you"),
        ((f"{KITCHEN} then you take", f"{KITCHEN} then you find"), KITCHEN),
        ((f"{KITCHEN} then you take",), KITCHEN),
        # Two words and a line break are no phrase.
        (("From my then kitchen to",), "From my\nkitchen to"),
    ],
)
def test_a_phrase_goes_as_far_as_half_of_the_contexts_agree_and_to_the_end_of_its_line(said, expected):
    subject = Lines()
    payloads = [Payload(str(i), subject.tokenize(text), (20.0 + i,) * len(text.split())) for i, text in enumerate(said)]
    assert phrase_of(subject, Group(tuple(payloads), 3)) == expected
