"""What is measured on fresh prompts: exact probabilities, or pairs that all hypotheses share."""

import numpy as np
import pytest
from scripted import Scripted
from words import KITCHEN, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.config import BUDGETS
from whatchanged.confirm import Coupled, confirm
from whatchanged.confirm.instruments import Pace
from whatchanged.confirm.measure import SAMPLED, SCORED
from whatchanged.predicates import load
from whatchanged.records import Hypothesis, PredicateSpec, Region, Tokens
from whatchanged.roles import Roles
from whatchanged.roles.judge import Judge

PROMPTS = prompts_about("cooking", "sea")[:40]
OPENS = PredicateSpec(family="phrase", args={"kind": "opens_with", "phrases": [KITCHEN]})
SAYS = PredicateSpec(family="phrase", args={"kind": "contains", "phrases": ["my kitchen"]})
ALSO = PredicateSpec(family="phrase", args={"kind": "contains", "phrases": ["then you", "to yours"]})


@pytest.fixture
def instruments(new_ledger, tiny_budget):
    def make(name="run", rate=0.7, **settings):
        ledger = new_ledger(name, **settings)
        return Coupled(ledger, WordSubject(), WordSubject(Plant(KITCHEN, rate, TOPICS["cooking"])), Roles(ledger))

    return make


def test_scored_rates_are_exact_and_draw_nothing(instruments):
    tools = instruments()
    rates = tools.scored(load(OPENS), PROMPTS, "step")
    for prompt, rate in zip(PROMPTS, rates, strict=True):
        for measured, subject in ((rate.base, tools.base), (rate.candidate, tools.candidate)):
            said, at = subject.tokenize(KITCHEN), subject.encode(prompt)
            exact = np.prod([subject.law(at, said[:t])[token] for t, token in enumerate(said)])
            assert measured == pytest.approx(exact, abs=1e-6)
    assert tools.ledger.cost.decoded_tokens == Tokens()
    assert tools.ledger.cost.scored_tokens.base == tools.ledger.cost.scored_tokens.candidate > 0


def test_sampled_rates_agree_with_scored_ones(instruments):
    tools = instruments()
    exact = tools.scored(load(OPENS), PROMPTS, "exact")
    sampled = tools.sampled(load(OPENS), PROMPTS, "sampled")
    p = np.array([r.candidate for r in exact])
    gap = np.mean([r.candidate for r in sampled]) - p.mean()
    assert abs(gap) < 4 * np.sqrt((p * (1 - p)).sum()) / len(p)


def test_pairs_are_drawn_once_for_all_hypotheses(instruments):
    tools = instruments()
    first = tools.sampled(load(SAYS), PROMPTS[:20], "a")
    spent = tools.ledger.cost
    second = tools.sampled(load(ALSO), PROMPTS[:20], "b")
    assert tools.ledger.cost == spent
    assert first != second
    tools.sampled(load(ALSO), PROMPTS[10:30], "c")
    assert len(tools.pairs) == 30


def test_few_prompts_are_asked_several_times_and_their_answers_averaged(instruments):
    tools = instruments()
    few = [p for p in PROMPTS if "cooking" in p.tags][:16]
    pace = tools.pace(load(SAYS), len(few))
    assert pace == SAMPLED._replace(draws=4, cost=4 * SAMPLED.cost)
    assert tools.pace(load(SAYS), 33) == SAMPLED
    assert tools.pace(load(OPENS), 1) == SCORED
    rates = tools.measure(load(SAYS), few, "a", draws=4)
    assert {4 * r.candidate % 1 for r in rates} == {0.0}
    assert len({r.candidate for r in rates}) > 2
    once = tools.measure(load(SAYS), few, "b")
    assert len(tools.pairs) == 4 * len(few)
    # The first answers are those that others share; of four the spread over prompts is about half as wide.
    assert {r.candidate for r in once} == {0.0, 1.0}
    assert np.std([r.difference for r in rates]) < 0.7 * np.std([r.difference for r in once])


def test_a_judge_reads_one_answer_a_prompt(new_ledger):
    ledger = new_ledger("judged")
    judged = Coupled(ledger, WordSubject(), WordSubject(), Roles(ledger, judge=Judge(Scripted(lambda ask: "NO"))))
    rubric = PredicateSpec(family="judged", args={"rubric": "It is about kitchens.", "cues": ["kitchen"]})
    assert judged.pace(load(rubric), 4) == SAMPLED


def test_on_a_narrow_region_several_answers_narrow_the_interval(instruments, monkeypatch):
    """Sixteen prompts with four answers each tell more than with one."""
    prompts = [p for p in prompts_about() if "cooking" in p.tags][:16]
    cooking = hypotheses(SAYS)
    tools = instruments(rate=0.75)
    (several,) = confirm(tools.ledger, tools, cooking, prompts)
    monkeypatch.setattr(Pace, "over", lambda pace, prompts: pace)
    tools = instruments("once", rate=0.75)
    (once,) = confirm(tools.ledger, tools, cooking, prompts)
    assert several.n_prompts == once.n_prompts == 16
    assert several.ci_high - several.ci_low < once.ci_high - once.ci_low
    assert several.ci_low < 0.75 * 0.98**2 < several.ci_high


def test_identical_pairs_are_no_difference_and_looked_at_once(instruments, monkeypatch):
    tools = instruments()
    predicate = load(SAYS)
    looked = []
    monkeypatch.setattr(type(predicate), "score", lambda self, text, prompt: looked.append(text) or 0.25)
    rates = tools.sampled(predicate, PROMPTS, "a")
    identical = sum(pair.identical for pair in tools.pairs.values())
    assert 0 < identical < len(PROMPTS)
    assert len(looked) == 2 * len(PROMPTS) - identical
    assert {r.candidate - r.base for r in rates} == {0.0}


def hypotheses(*specs):
    """In turn on cooking prompts and on all."""
    regions = (Region(kind="tag", values=("cooking",)), Region())
    rest = {"direction": "more", "margin": 0.05, "prior": 0.3}
    return [
        Hypothesis(id=f"h{i}", sentence=f"S{i}.", region=regions[i % 2], predicate=spec, **rest)
        for i, spec in enumerate(specs)
    ]


def test_a_true_change_of_a_toy_is_confirmed_by_either_kind(instruments):
    tools = instruments()
    scored, sampled = confirm(tools.ledger, tools, hypotheses(OPENS, SAYS), prompts_about()[:300])
    assert (scored.status, scored.scored) == ("confirmed", True)
    assert scored.effect == pytest.approx(0.7 * 0.98**4, abs=0.01)
    assert (sampled.status, sampled.scored) == ("confirmed", False)
    assert 0.05 < sampled.effect < 0.3  # a fifth of all prompts is about cooking
    assert sampled.ci_low < 0.7 * 0.98**2 / 5 < sampled.ci_high


@pytest.mark.parametrize("batches", [0.01, 0.5, 1.0, 2.2, 3.0])
def test_never_more_tokens_than_allowed(instruments, batches):
    limit = int(batches * instruments().ledger.pair_batch)
    tools = instruments("limited", max_decoded_tokens=limit)
    findings = confirm(tools.ledger, tools, hypotheses(SAYS, ALSO, OPENS), prompts_about()[:300])
    spent = tools.ledger.cost.decoded_tokens
    assert spent.base + spent.candidate <= limit
    assert (tools.base.sampled, tools.candidate.sampled) == (spent.base, spent.candidate)
    # What needs no token is tested all the same.
    assert any(f.n_prompts for f in findings[:2]) is (batches >= 1)
    assert findings[2].status == "confirmed"


@pytest.mark.parametrize("batches", [1.9, 2.0])
def test_several_answers_a_prompt_are_drawn_only_where_all_of_them_are_allowed(instruments, batches):
    """Sixteen prompts with four answers each are two batches."""
    limit = int(batches * instruments().ledger.pair_batch)
    tools = instruments("narrow", max_decoded_tokens=limit)
    prompts = [p for p in prompts_about() if "cooking" in p.tags][:16]
    (found,) = confirm(tools.ledger, tools, hypotheses(SAYS), prompts)
    spent = tools.ledger.cost.decoded_tokens
    assert found.n_prompts == (16 if batches == 2.0 else 0)
    assert spent.base + spent.candidate <= limit


def test_the_budgets_own_limit_is_kept(instruments, tiny_budget, monkeypatch):
    tools = instruments(rate=0.06)
    batch = tools.ledger.pair_batch
    monkeypatch.setitem(BUDGETS, "small", tiny_budget.model_copy(update={"confirm_tokens": 2 * batch}))
    confirm(tools.ledger, tools, hypotheses(*[SAYS, ALSO] * 4), prompts_about())
    spent = tools.ledger.cost.decoded_tokens
    assert batch < spent.base + spent.candidate <= 2 * batch


def test_a_resumed_campaign_is_the_uninterrupted_one(instruments):
    tools = instruments()
    work = (hypotheses(SAYS, ALSO, OPENS), prompts_about()[:200])
    whole = confirm(tools.ledger, tools, *work)
    again = instruments()
    assert confirm(again.ledger, again, *work) == whole
    assert again.ledger.cost == tools.ledger.cost
    assert again.base.sampled == 0
