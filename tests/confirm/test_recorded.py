"""Instruments for answers that were recorded: all of them are looked at, repeats as one unit, and nothing is asked."""

import numpy as np
import pytest
from claims import opens_with, tagged
from scripted import Scripted

from whatchanged.confirm import Answers, Recorded, confirm
from whatchanged.predicates import load
from whatchanged.records import Cost, Hypothesis, PredicateSpec, Prompt
from whatchanged.roles import Roles
from whatchanged.roles.judge import Judge

PROMPTS = [Prompt.user(f"How do I cook dish {i}?", tags=("cooking",)) for i in range(150)]
OPENS = opens_with("From my kitchen")
RUBRIC = PredicateSpec(family="judged", args={"rubric": "It speaks of a kitchen.", "cues": ["kitchen"]})


def recorded(rate=0.7, draws=2, seed=0):
    """Answers of both, the candidate opening with the phrase at this rate."""
    rng = np.random.default_rng(seed)

    def text(opens):
        return f"{'From my kitchen: ' if opens else ''}boil it {rng.integers(1000)} times."

    return {
        p.id: Answers(p, [text(False) for _ in range(draws)], [text(rng.random() < rate) for _ in range(draws)])
        for p in PROMPTS
    }


@pytest.fixture
def instruments(new_ledger):
    def make(answers, judge=None):
        ledger = new_ledger()
        return Recorded(ledger, answers, Roles(ledger, judge=judge))

    return make


def hypothesis(spec=OPENS):
    return Hypothesis(
        id="h01", sentence="It does.", region=tagged("cooking"), predicate=spec, direction="more", margin=0.05
    )


def test_a_prompt_is_one_unit_whatever_was_repeated(instruments):
    told = {
        PROMPTS[0].id: Answers(PROMPTS[0], ["a", "b"], ["From my kitchen a", "b", "From my kitchen c", "d"]),
        PROMPTS[1].id: Answers(PROMPTS[1], ["From my kitchen"], ["From my kitchen"]),
        PROMPTS[2].id: Answers(PROMPTS[2], ["b", "From my kitchen", "c", "d"], ["From my kitchen"]),
    }
    rates = instruments(told).measure(load(OPENS), PROMPTS[:3], "step")
    assert [(r.base, r.candidate) for r in rates] == [(0.0, 0.5), (1.0, 1.0), (0.25, 1.0)]


def test_everything_is_looked_at_and_nothing_paid(instruments):
    tools = instruments(recorded())
    (found,) = confirm(tools.ledger, tools, [hypothesis()], PROMPTS)
    assert found.status == "confirmed"
    assert (found.n_prompts, found.unanswered) == (len(PROMPTS), 0)
    assert found.ci_low < 0.7 < found.ci_high
    assert tools.ledger.cost == Cost()


def test_repeats_narrow_the_interval_and_do_not_count_as_prompts(instruments, tmp_path):
    widths = {}
    for draws in (1, 8):
        tools = instruments(recorded(draws=draws))
        (found,) = confirm(tools.ledger, tools, [hypothesis()], PROMPTS)
        assert found.n_prompts == len(PROMPTS)
        widths[draws] = found.ci_high - found.ci_low
    assert widths[8] < widths[1]


def test_one_text_of_each_stands_for_the_prompt_in_validations(instruments):
    told = recorded(draws=3)
    pairs = instruments(told).pairs_of(PROMPTS[:5], "step")
    assert [(p.base.text, p.candidate.text) for p in pairs] == [
        (told[p.id].base[0], told[p.id].candidate[0]) for p in PROMPTS[:5]
    ]


def test_a_judge_is_asked_for_no_more_than_a_few_hundred_prompts(instruments):
    assert instruments({}).pace(load(OPENS), 1).most > 10_000
    judged = instruments({}, Judge(Scripted(lambda ask: "NO")))
    assert judged.pace(load(RUBRIC), 1).most == 256
    assert judged.pace(load(OPENS), 1).most > 10_000
    assert judged.may_sample()
