"""Confirmed findings put to other validations: they are told beside the verdicts and change none."""

import json
import re

import pytest
from claims import contains, finding
from scripted import Scripted
from words import KITCHEN, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.confirm import Asked, validations
from whatchanged.ledger import PAIR_BATCH
from whatchanged.roles import Roles
from whatchanged.roles.judge import Judge

PROMPTS = prompts_about("cooking", "sea")
FENCE = re.compile(r"<<<([\w-]+) ([0-9a-f]+)\n(.*?)\n\1 \2>>>", re.DOTALL)
TRUE = finding(predicate=contains("my kitchen"))


def able(ask):
    """Names the answer that speaks of a kitchen as the candidate's; says of one answer whether it does."""
    data = {label: text for label, _, text in FENCE.findall(ask.messages[0].content)}
    if "ANSWER-A" in data:
        a, b = ("kitchen" in data[f"ANSWER-{x}"] for x in "AB")
        return json.dumps({"reason": "", "candidate": "neither" if a == b else "A" if a else "B"})
    return json.dumps({"reason": "", "holds": "kitchen" in data["ANSWER"]})


@pytest.fixture
def validated(new_ledger, tiny_budget):
    """(entries, ledger, the roles' model) of findings put to validators."""

    def work(
        findings=(TRUE,), validators=("discriminative",), script=able, name="run", judge=False, usd=None, **settings
    ):
        ledger = new_ledger(name, validators=validators, **settings)
        model = None if script is None else Scripted(script, usd=usd)
        roles = Roles(ledger, judge=Judge(model)) if judge else Roles(ledger, reasoner=model)
        both = WordSubject(), WordSubject(Plant(KITCHEN, 0.8, TOPICS["cooking"]))
        tools = Asked(ledger, *both, roles)
        return validations(ledger, tools, roles, findings, PROMPTS, both), ledger, model

    return work


def test_a_true_finding_earns(validated):
    (entry,), ledger, model = validated(usd=0.01)
    assert (entry.finding, entry.validator, entry.missing) == (TRUE.id, "discriminative", 0)
    assert entry.trials == PAIR_BATCH
    assert entry.mean > 0.5
    assert entry.e_value > 100
    assert entry.calls == len(model.asks) <= PAIR_BATCH
    assert ledger.cost.calls == entry.calls
    assert ledger.cost.usd == pytest.approx(0.01 * entry.calls)


def test_one_entry_a_validator_and_confirmed_finding(validated):
    findings = [
        finding(id="h02", effect=0.2),
        finding(id="h01", effect=-0.6, direction="less"),
        finding(id="h03", status="refuted"),
        finding(id="h04", status="inconclusive"),
    ]
    entries, *_ = validated(findings, ("discriminative", "single-text"))
    assert [(e.validator, e.finding) for e in entries] == [
        ("discriminative", "h01"),
        ("discriminative", "h02"),
        ("single-text", "h01"),
        ("single-text", "h02"),
    ]


def test_a_finding_is_not_validated_on_the_prompts_of_its_own_round(new_ledger, tiny_budget):
    ledger = new_ledger("rounds", validators=("discriminative",))
    roles = Roles(ledger, reasoner=Scripted(able), again=["r2-01"])
    tools = Asked(ledger, WordSubject(), WordSubject(Plant(KITCHEN, 0.8, TOPICS["cooking"])), roles)
    first, held = PROMPTS[:200], PROMPTS[200:]
    both = [finding(id=i, effect=effect, n_prompts=8) for i, effect in (("r01", 0.6), ("r2-01", 0.5))]
    validations(ledger, tools, roles, both, first, (tools.base, tools.candidate), held)
    inside = [[p.id for p in side if TRUE.region.contains(p)] for side in (first, held)]
    expected = [(own + other)[8 : 8 + PAIR_BATCH] for own, other in (inside, inside[::-1])]
    assert [prompt for prompt, _ in tools.pairs] == list(dict.fromkeys(expected[0] + expected[1]))


def test_a_reply_that_cannot_be_read_is_missing_and_no_half(validated):
    (entry,), *_ = validated(script=lambda ask: "Who knows?")
    assert entry.missing > 0
    assert entry.trials + entry.missing == PAIR_BATCH
    assert (entry.mean, entry.e_value) == (0.0, 1.0)


def test_nothing_is_asked_where_nothing_is_to_be_validated(validated):
    for how in ({"findings": ()}, {"findings": [finding(status="refuted")]}, {"validators": ()}, {"script": None}):
        entries, ledger, model = validated(name=f"run-{len(how)}-{next(iter(how))}", **how)
        assert entries == []
        assert model is None or model.asks == []
        assert ledger.cost.calls == 0
        assert ledger.cost.decoded_tokens.base == 0


def test_the_judge_reads_where_there_is_no_reasoner(validated):
    (entry,), _, model = validated(judge=True)
    assert len(model.asks) == entry.calls > 0


def test_it_is_not_done_twice(validated):
    whole, ledger, _ = validated(usd=0.01)
    again, resumed, model = validated()
    assert again == whole
    assert model.asks == []
    assert resumed.cost == ledger.cost


def test_never_more_tokens_than_allowed(validated):
    _, ledger, _ = validated(max_decoded_tokens=200)
    spent = ledger.cost.decoded_tokens
    assert spent.base + spent.candidate <= 200
