"""Confirmed findings traced to tensors for the report: asked for, once each, and honest where it cannot be done."""

import pytest
from claims import contains, finding, opens_with
from plant import CITY, SEA, exact

from whatchanged.explain import carried_by
from whatchanged.records import Region

PROMPTS = (*SEA, *CITY)
ON_SEA = {"region": Region(kind="mentions", values=("sea",)), "predicate": opens_with("Paris")}


@pytest.fixture
def traced(planted, new_ledger):
    def work(*findings, name="run", **settings):
        ledger = new_ledger(name, **({"attribute": True} | settings))
        return ledger, carried_by(ledger, *exact(planted["llama"], planted["lora"]), findings, PROMPTS)

    return work


def test_nothing_unless_asked_for(traced):
    assert traced(finding(**ON_SEA), attribute=False)[1] == []


def test_a_finding_is_traced_and_its_shares_add_up(traced):
    _, (view,) = traced(finding(**ON_SEA))
    assert view.completeness == pytest.approx(1.0, abs=0.02)
    assert sum(share for _, share in view.modules) == pytest.approx(1.0, abs=0.25)
    assert view.modules == tuple(sorted(view.modules, key=lambda m: -m[1]))
    assert "changed tensors, put into the base, give" in view.sentence
    assert view.curve.points[-1].grafted == pytest.approx(view.curve.rate_candidate, rel=1e-3)
    assert not view.reason


def test_only_confirmed_scored_findings_and_each_once(traced, monkeypatch):
    findings = [
        finding(id="a", **ON_SEA),
        finding(id="b", status="refuted", **ON_SEA),
        finding(id="c", predicate=contains("Paris")),
    ]
    ledger, views = traced(*findings)
    assert [v.finding for v in views] == ["a"]
    monkeypatch.setattr("whatchanged.explain.change.Change", None)  # a resumed run computes nothing
    assert traced(*findings)[1] == views
    assert [p.name for p in (ledger.directory / "evidence/explain").glob("*.cost.json")] == ["carried-a.cost.json"]


def test_what_cannot_be_traced_says_why(traced, planted, new_ledger):
    _, (view,) = traced(finding(region=Region(kind="mentions", values=("nowhere",)), predicate=opens_with("Paris")))
    assert view.reason == "no discovery prompt lies in its region"
    base, other = exact(planted["llama"])[0], exact(f"{planted['lora']}+system=Be brief.")[0]
    (view,) = carried_by(new_ledger("system", attribute=True), base, other, [finding(**ON_SEA)], PROMPTS)
    assert view.reason
    assert view.completeness is None
