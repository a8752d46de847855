"""The screen of models that only answer: what is asked of them, what is left out, and what it costs."""

import pytest
from words import KITCHEN, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.pools import split
from whatchanged.screen import listen
from whatchanged.screen.listen import BORDER_DRAWS, BORDER_KEPT
from whatchanged.subjects import Access

COOKING = Plant(KITCHEN, 0.8, TOPICS["cooking"])
LEVELS = [Access.text, Access.logprobs]


class Deaf(WordSubject):
    """Gives no answer to some prompts, by their text."""

    def __init__(self, word, *plants):
        super().__init__(*plants)
        self.word = word

    def respond(self, prompts, draw, max_tokens, temperature, key):
        said = super().respond(prompts, draw, max_tokens, temperature, key)
        return [None if self.word in p.text else s for p, s in zip(prompts, said, strict=True)]

    def first_tokens(self, prompts, k, temperature, draw=0):
        told = super().first_tokens(prompts, k, temperature, draw)
        return [None if self.word in p.text else t for p, t in zip(prompts, told, strict=True)]


@pytest.fixture
def heard(new_ledger, tiny_budget):
    """(what was heard, its ledger) of two toys at an access level."""

    def work(base, candidate, access, name="run", **settings):
        ledger = new_ledger(name, **settings)
        limits = ledger.config.limits
        prompts = split(prompts_about(), limits.discovery_prompts, limits.confirmation_prompts, ledger.config.seed)
        return listen(ledger, prompts, base, candidate, access), ledger

    return work


def test_at_logprobs_half_of_the_pairs_are_random_and_half_follow_leads(heard, tiny_budget):
    found, _ = heard(WordSubject(), WordSubject(COOKING), Access.logprobs)
    assert found.access == "logprobs"
    count = min(2 * tiny_budget.pairs, tiny_budget.discovery_prompts)
    assert found.control == count // 2
    assert len(found.pairs) == len({p.prompt_id for p in found.pairs}) <= count
    assert found.leads[0].gained[0].text == KITCHEN.split()[0]
    led = {c.prompt_id for lead in found.leads for c in lead.contexts}
    assert {p.prompt_id for p in found.pairs[found.control :]} <= led
    assert [g.test.split()[0] for g in found.gates] == ["First-token", "Whole"]
    assert found.gates[0].prompts == tiny_budget.discovery_prompts
    assert found.gates[1].prompts == found.control
    assert max(g.p_value for g in found.gates) <= 0.05
    assert any("bounds" in note for note in found.limits)


def test_at_text_all_pairs_are_random(heard, tiny_budget):
    found, ledger = heard(WordSubject(), WordSubject(COOKING), Access.text)
    assert found.access == "text"
    assert found.leads == []
    assert found.control == len(found.pairs) == min(2 * tiny_budget.pairs, tiny_budget.discovery_prompts)
    assert [p.prompt_id for p in found.pairs] == [p.id for p in found.prompts]
    border, whole = found.gates
    assert "border" in border.test
    assert 0 < border.prompts <= BORDER_KEPT
    assert whole.p_value <= 0.05
    assert ledger.cost.scored_tokens.base == 0
    assert not any("bounds" in note for note in found.limits)


def test_a_text_subject_is_never_asked_for_more(heard, monkeypatch):
    for name in ("score", "first_tokens", "stepper"):
        monkeypatch.setattr(WordSubject, name, lambda *args, **more: pytest.fail("more than text was asked for"))
    heard(WordSubject(), WordSubject(COOKING), Access.text)


def test_pairs_are_independent_answers(heard):
    found, _ = heard(WordSubject(), WordSubject(), Access.text)
    assert not any(pair.coupled for pair in found.pairs)
    assert sum(pair.identical for pair in found.pairs) < len(found.pairs) / 2


def test_costs_are_what_the_models_said(heard):
    base, candidate = WordSubject(), WordSubject(COOKING)
    _, ledger = heard(base, candidate, Access.text)
    tokens = ledger.cost.decoded_tokens
    assert (tokens.base, tokens.candidate) == (base.sampled, candidate.sampled)
    assert ledger.cost.calls == 0


def test_border_prompts_are_asked_anew(heard):
    """The draws that chose a prompt say nothing of whether the models differ there."""
    found, ledger = heard(WordSubject(), WordSubject(), Access.text)
    steps = {p.stem for p in (ledger.directory / "evidence" / "screen").glob("border-*[0-9].json")}
    assert steps == {f"border-base-{d}" for d in range(2 + BORDER_DRAWS)} | {
        f"border-candidate-{d}" for d in range(2, 2 + BORDER_DRAWS)
    }
    assert found.gates[0].p_value > 0.01


@pytest.mark.parametrize("access", LEVELS)
@pytest.mark.parametrize("which", ["base", "candidate"])
def test_missing_answers_are_counted_and_left_out(heard, access, which):
    subjects = {"base": WordSubject(), "candidate": WordSubject(COOKING)}
    subjects[which] = Deaf("winter", *subjects[which].plants)
    found, _ = heard(subjects["base"], subjects["candidate"], access)
    asked = {p.id: p for p in found.prompts}
    silent = sum("winter" in p.text for p in found.prompts)
    assert silent > 0
    assert found.warnings == [f"{silent} of {len(asked)} discovery prompts got no answer from a model"]
    assert len(found.pairs) == len(asked) - silent
    assert not any("winter" in asked[pair.prompt_id].text for pair in found.pairs)
    # The control is still the head of the pairs.
    control = {pair.prompt_id for pair in found.pairs[: found.control]}
    expected = [p for p in found.prompts if "winter" not in p.text][: found.control]
    assert control == {p.id for p in expected}


@pytest.mark.parametrize("access", LEVELS)
def test_models_that_say_nothing_leave_nothing(heard, access):
    found, ledger = heard(Deaf(""), Deaf(""), access)
    assert (found.pairs, found.control, found.gates, found.leads) == ([], 0, (), [])
    assert len(found.warnings) == 1
    assert ledger.cost.calls == 0


@pytest.mark.parametrize("access", LEVELS)
def test_a_resumed_screen_is_the_uninterrupted_one(heard, access):
    whole, ledger = heard(WordSubject(), WordSubject(COOKING), access)
    costs = sorted((ledger.directory / "evidence").rglob("*.cost.json"))
    assert len(costs) > 4
    for lost in (costs[0], costs[-1], *costs[1:3]):
        lost.unlink()
    again, resumed = heard(WordSubject(), WordSubject(COOKING), access)
    assert again == whole
    assert again.gates == whole.gates
    assert resumed.cost == ledger.cost
    idle = WordSubject(), WordSubject(COOKING)
    assert heard(*idle, access)[0] == whole
    assert idle[0].sampled == idle[1].sampled == 0


@pytest.mark.parametrize("limit", [1, 50, 400, 1500, 4000])
@pytest.mark.parametrize("access", LEVELS)
def test_never_more_tokens_than_allowed(heard, access, limit):
    base, candidate = WordSubject(), WordSubject(COOKING)
    _, ledger = heard(base, candidate, access, max_decoded_tokens=limit)
    spent = ledger.cost.decoded_tokens
    assert spent.base + spent.candidate <= limit
    assert base.sampled + candidate.sampled <= limit
