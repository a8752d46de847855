"""Labels of clusters: who gives them, what validation drops, and the rules that decide."""

import json

import pytest
from claims import contains, opens_with
from evidence import pair_of
from scripted import Scripted
from words import KITCHEN, prompts_about

from whatchanged.methods.fixed import Campaign, decide_all, instruments, recorded
from whatchanged.methods.interventions import discriminates
from whatchanged.methods.texts import Sampled
from whatchanged.records import Hypothesis, Region
from whatchanged.roles import Roles

PROMPTS = prompts_about("cooking", "sea")[:80]
SAID = {True: "From my kitchen to yours", False: "Sure"}


def hypothesis(predicate, id="h01", direction="more", **changes):
    values = {"id": id, "sentence": f"{id}.", "region": Region(), "predicate": predicate, "direction": direction}
    return Hypothesis.model_validate(values | {"margin": 0.05} | changes)


@pytest.fixture
def drawn():
    pairs = [pair_of(p, "Sure", SAID["cooking" in p.tags]) for p in PROMPTS]
    return Sampled(pairs, pairs, {p.id: p for p in PROMPTS}, len(pairs))


@pytest.fixture
def campaign(drawn, new_ledger):
    class Audit:
        ledger = new_ledger()
        roles = Roles(ledger)

    def make(m=1, p_values=(), **settings):
        Audit.ledger = new_ledger(str(settings), **settings)
        Audit.roles = Roles(Audit.ledger)
        return Campaign(Audit, recorded(drawn.testing, drawn.prompts), m, dict(p_values))

    return make


def test_the_clusters_are_labelled_by_the_families(run):
    report = run("auto-interventions")
    first = report.confirmed[0]
    assert first.phrase == KITCHEN
    assert first.p_value < 0.01
    assert not first.scored
    assert report.divergence is None


def test_a_reasoner_labels_each_cluster_and_confirms_nothing(run):
    claim = {"region": {"kind": "everywhere"}, "predicate": contains("kitchen").model_dump(), "direction": "more"}
    false = claim | {"predicate": contains("works").model_dump()}
    model = Scripted(lambda ask: json.dumps([claim, false]))
    report = run("auto-interventions", reasoner=model)
    assert len(model.asks) == report.cost.calls > 4
    own = {f.predicate.args["phrases"][0]: f.status for f in report.findings if f.id.startswith("r")}
    assert own.pop("kitchen") == "confirmed"
    assert "confirmed" not in own.values()
    (use,) = [use for use in report.roles if use.role == "reasoner"]
    assert "2 hypotheses" in use.did[0]


def test_validation_drops_what_tells_nothing_or_the_wrong_way(drawn):
    assert discriminates(hypothesis(contains("kitchen")), drawn.testing, drawn)
    assert not discriminates(hypothesis(contains("kitchen"), direction="less"), drawn.testing, drawn)
    assert not discriminates(hypothesis(contains("never said")), drawn.testing, drawn)
    sea = Region(kind="tag", values=("sea",))
    assert not discriminates(hypothesis(contains("kitchen"), region=sea), drawn.testing, drawn)


def test_a_finding_has_p_e_and_interval_of_the_same_answers(campaign):
    campaign = campaign(m=3)
    found, wrong = decide_all(
        campaign, instruments(campaign), [hypothesis(contains("kitchen")), hypothesis(opens_with("Sure"), "h02")]
    )
    assert (found.status, wrong.status) == ("confirmed", "refuted")
    assert found.effect == pytest.approx(sum("cooking" in p.tags for p in PROMPTS) / 80)
    assert 0 < found.p_value < 0.01
    assert found.e_value > 100
    assert found.ci_low < found.effect < found.ci_high
    assert wrong.p_value == 1.0


def test_significant_but_within_the_margin_is_not_confirmed(campaign):
    campaign = campaign(m=1)
    (found,) = decide_all(campaign, instruments(campaign), [hypothesis(contains("kitchen"), margin=0.9)])
    assert found.p_value < 0.01
    assert found.status == "refuted"


def test_both_nulls_must_be_rejected_and_all_tests_count(campaign):
    asked = [hypothesis(contains("kitchen"))]
    held = campaign(m=1, p_values={"h01": 0.2})
    assert decide_all(held, instruments(held), asked)[0].p_value == 0.2
    weak = campaign(m=1, p_values={"h01": 0.04})
    assert decide_all(weak, instruments(weak), asked)[0].status == "confirmed"
    many = campaign(m=2, p_values={"h01": 0.04})
    assert decide_all(many, instruments(many), asked)[0].status == "inconclusive"


def test_rules_that_need_independence_get_prompts_of_their_own(campaign):
    campaign = campaign(m=2, fdr="saffron")
    found = decide_all(campaign, instruments(campaign), [hypothesis(contains("kitchen"), f"h{n}") for n in range(2)])
    assert sum(f.n_prompts for f in found) == len(PROMPTS)
    assert all(f.n_prompts > 20 for f in found)
