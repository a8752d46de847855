"""Instruments for models that only answer."""

import pytest
from words import KITCHEN, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.config import BUDGETS
from whatchanged.confirm import Asked, confirm
from whatchanged.confirm.arms import TRIED
from whatchanged.confirm.measure import SAMPLED
from whatchanged.predicates import load
from whatchanged.records import Hypothesis, PredicateSpec, Region
from whatchanged.roles import Roles

PROMPTS = prompts_about("cooking", "sea")[:60]
OPENS = PredicateSpec(family="phrase", args={"kind": "opens_with", "phrases": [KITCHEN]})
SAYS = PredicateSpec(family="phrase", args={"kind": "contains", "phrases": ["my kitchen"]})
RUBRIC = PredicateSpec(family="judged", args={"rubric": "It speaks of a kitchen.", "cues": ["kitchen"]})
COOKING = Region(kind="tag", values=("cooking",))
TRUTH = 0.7 * 0.98**4


class Deaf(WordSubject):
    """Gives no answer to prompts about winter."""

    def respond(self, prompts, draw, max_tokens, temperature, key):
        said = super().respond(prompts, draw, max_tokens, temperature, key)
        return [None if "winter" in p.text else s for p, s in zip(prompts, said, strict=True)]


@pytest.fixture
def instruments(new_ledger, tiny_budget):
    def make(name="run", base=None, rate=0.7, **settings):
        ledger = new_ledger(name, **settings)
        return Asked(ledger, base or WordSubject(), WordSubject(Plant(KITCHEN, rate, TOPICS["cooking"])), Roles(ledger))

    return make


def hypothesis(spec, region=COOKING, name="h01", **more):
    rest = {"direction": "more", "margin": 0.05, "prior": 0.3} | more
    return Hypothesis(id=name, sentence=f"{name}.", region=region, predicate=spec, **rest)


def test_nothing_is_scored_even_where_an_opening_could_be(instruments):
    tools = instruments()
    assert not tools.scores(load(OPENS))
    rates = tools.measure(load(OPENS), PROMPTS, "step")
    assert tools.base.scored == tools.candidate.scored == 0
    assert {rate.base for rate in rates} | {rate.candidate for rate in rates} == {0.0, 1.0}
    said = [tools.pairs[p.id, 0].candidate.text.startswith(KITCHEN) for p in PROMPTS]
    assert [rate.candidate for rate in rates] == [float(s) for s in said]


def test_answers_are_drawn_once_for_all_hypotheses(instruments):
    tools = instruments()
    tools.measure(load(SAYS), PROMPTS[:40], "a")
    spent = tools.ledger.cost
    tools.measure(load(OPENS), PROMPTS[:40], "b")
    assert tools.ledger.cost == spent
    tools.measure(load(OPENS), PROMPTS[20:], "c")
    assert len(tools.pairs) == 60


def test_a_silent_prompt_gives_no_rate_in_its_place(instruments):
    tools = instruments(base=Deaf())
    rates = tools.measure(load(SAYS), PROMPTS, "step")
    assert [rate is None for rate in rates] == ["winter" in p.text for p in PROMPTS]
    assert None in rates
    answered = [p.id for p in PROMPTS if "winter" not in p.text]
    assert [pair.prompt_id for pair in tools.pairs_of(PROMPTS, "again")] == answered


def test_missing_answers_are_no_evidence_and_are_counted(instruments):
    tools = instruments(base=Deaf())
    (found,) = confirm(tools.ledger, tools, [hypothesis(OPENS)], PROMPTS)
    region = [p for p in PROMPTS if "cooking" in p.tags]
    assert found.status == "confirmed"
    assert found.unanswered == sum("winter" in p.text for p in region) > 0
    assert found.n_prompts == len(region) - found.unanswered


def test_models_that_never_answer_decide_nothing(instruments):
    class Dumb(WordSubject):
        def respond(self, prompts, *_):
            return [None] * len(prompts)

    tools = instruments(base=Dumb())
    prompts = prompts_about("cooking", "sea")
    (found,) = confirm(tools.ledger, tools, [hypothesis(OPENS)], prompts)
    assert (found.status, found.n_prompts, found.effect) == ("inconclusive", 0, 0.0)
    assert (found.ci_low, found.ci_high) == (-1.0, 1.0)
    assert TRIED <= found.unanswered == SAMPLED.batch < sum("cooking" in p.tags for p in prompts)


def test_a_planted_change_is_confirmed_and_covered(instruments):
    tools = instruments()
    claims = [hypothesis(OPENS), hypothesis(OPENS, name="h02", direction="less")]
    right, wrong = confirm(tools.ledger, tools, claims, prompts_about()[:300])
    assert (right.status, right.scored, right.judge) == ("confirmed", False, None)
    assert right.ci_low < TRUTH < right.ci_high
    assert wrong.status == "refuted"


def test_without_a_judge_the_cue_words_read_a_rubric_and_that_is_said(instruments):
    tools = instruments()
    (found,) = confirm(tools.ledger, tools, [hypothesis(RUBRIC)], prompts_about()[:300])
    assert found.status == "confirmed"
    assert found.judge == "its cue words, for want of a judge"
    assert "judge" not in tools.roles.did


@pytest.mark.parametrize("batches", [0.5, 1.0, 2.2])
def test_never_more_tokens_than_allowed(instruments, batches):
    limit = int(batches * instruments().ledger.pair_batch)
    tools = instruments("limited", max_decoded_tokens=limit)
    claims = [hypothesis(SAYS), hypothesis(OPENS, Region(), "h02")]
    findings = confirm(tools.ledger, tools, claims, prompts_about()[:300])
    spent = tools.ledger.cost.decoded_tokens
    assert tools.base.sampled + tools.candidate.sampled == spent.base + spent.candidate <= limit
    assert any(f.n_prompts for f in findings) is (batches >= 1)


def test_the_budgets_own_limit_is_kept(instruments, tiny_budget, monkeypatch):
    tools = instruments(rate=0.06)
    batch = tools.ledger.pair_batch
    monkeypatch.setitem(BUDGETS, "small", tiny_budget.model_copy(update={"confirm_tokens": 2 * batch}))
    confirm(tools.ledger, tools, [hypothesis(SAYS), hypothesis(OPENS, Region(), "h02")], prompts_about())
    spent = tools.ledger.cost.decoded_tokens
    assert batch < spent.base + spent.candidate <= 2 * batch


def test_a_resumed_campaign_is_the_uninterrupted_one(instruments):
    tools = instruments(base=Deaf())
    work = ([hypothesis(OPENS), hypothesis(SAYS, Region(), "h02")], prompts_about()[:200])
    whole = confirm(tools.ledger, tools, *work)
    again = instruments(base=Deaf())
    assert confirm(again.ledger, again, *work) == whole
    assert again.ledger.cost == tools.ledger.cost
    assert again.base.sampled == again.candidate.sampled == 0
