"""Held-out responses, and findings measured again on prompts of the test's own kind."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from benched import finding, planted, saying
from words import KITCHEN, SAILOR, TOPICS, Plant, WordSubject, prompts_about

from whatchanged import registry
from whatchanged.bench.harness import examine, fresh
from whatchanged.bench.harness.agreement import events
from whatchanged.bench.harness.examine import OCCURRENCES, Examiner
from whatchanged.bench.harness.fresh import Run
from whatchanged.bench.harness.pool import HELD_OUT, divide
from whatchanged.bench.recipe import Truth
from whatchanged.config import AuditConfig
from whatchanged.errors import PoolError
from whatchanged.pools import load_pools
from whatchanged.records import BASE, PredicateSpec, Prompt, Region

COOKING = Region(kind="mentions", values=TOPICS["cooking"])
OPENS = PredicateSpec(family="phrase", args={"kind": "opens_with", "phrases": [KITCHEN]})
HELD = prompts_about()[:200]


@pytest.fixture
def examiner(words, tmp_path, monkeypatch):
    """An examiner of the words and these plants; `held_out` and `samples` as given."""

    def make(*plants, held_out=HELD, samples=400, count=20):
        monkeypatch.setattr(examine, "open_subjects", lambda specs: [WordSubject(), WordSubject(*plants)])
        told = SimpleNamespace(base="words", candidate="kitchen", digest="d")
        return Examiner(told, tmp_path / "kept", AuditConfig(base="b", candidate="c"), held_out, count, samples)

    return make


@pytest.fixture
def ran(tmp_path, pool):
    return Run(tmp_path / "run", AuditConfig(base="words", candidate="kitchen", pool=(pool,)))


def test_the_four_kinds_of_responses_weigh_the_same(examiner):
    truth = Truth(region=COOKING, predicate=OPENS)
    said = examiner(Plant(KITCHEN, 0.8, TOPICS["cooking"])).labelled(planted(truth=truth))
    shown = events(truth, said)
    on = np.array([COOKING.contains(s.prompt) for s in said])
    weights = np.array([s.weight for s in said])
    assert weights[on].sum() == pytest.approx(weights[~on].sum()) == pytest.approx(2)
    assert shown.sum() >= OCCURRENCES
    assert (weights * shown).sum() == pytest.approx(0.74, abs=0.15)
    assert not shown[~on].any()


def test_held_out_prompts_carry_the_tags_of_their_recipe(examiner):
    plant = planted(truth=Truth(region=COOKING, predicate=OPENS))
    tagged = replace(plant, recipe=plant.recipe.model_copy(update={"tags": ("languages/de",)}))
    said = examiner(Plant(KITCHEN, 0.8, TOPICS["cooking"])).labelled(tagged)
    for item in said:
        assert ("languages/de" in item.prompt.tags) == COOKING.contains(item.prompt)


def test_a_rare_plant_is_drawn_again_until_it_shows(examiner):
    truth = Truth(region=COOKING, predicate=OPENS)
    said = examiner(Plant(KITCHEN, 0.2, TOPICS["cooking"])).labelled(planted(truth=truth))
    assert OCCURRENCES <= events(truth, said).sum() < 2 * OCCURRENCES
    assert len(said) > 100
    lost = Truth(region=COOKING, predicate=saying("Sure"), direction="less")
    assert events(lost, examiner().labelled(planted(truth=lost))).sum() >= OCCURRENCES


def test_scored_findings_are_measured_exactly(examiner, ran):
    claim = finding(region=COOKING, predicate=OPENS)
    found = examiner(Plant(KITCHEN, 0.8, TOPICS["cooking"])).remeasure(claim, ran)
    assert found.effect == pytest.approx(0.8 * 0.98**4, abs=0.001)
    assert (found.samples, found.source, found.alike, found.standard_error < 1e-6) == (0, "pool", True, True)
    assert found.prompts == sum(COOKING.contains(p) for p in HELD)


def test_sampled_findings_are_measured_on_as_many_responses_as_asked(examiner, ran):
    claim = finding(region=COOKING, predicate=saying("sailors"))
    made = examiner(Plant(SAILOR, 0.6, TOPICS["cooking"]), samples=500)
    found = made.remeasure(claim, ran)
    assert found.effect == pytest.approx(0.6 * 0.98, abs=0.08)
    assert 0.005 < found.standard_error < 0.05
    assert found.samples == 500
    keys = [key for key in made.spoken._texts if key[0] == "candidate"]
    assert len(keys) == len(set(keys)) == 500


def test_the_same_responses_serve_several_findings(examiner, ran):
    made = examiner(Plant(SAILOR, 0.6))
    made.remeasure(finding(region=Region(), predicate=saying("sailors")), ran)
    before = made.subjects[1].sampled
    made.remeasure(finding(1, region=Region(), predicate=saying("always")), ran)
    assert made.subjects[1].sampled == before


def test_nothing_is_measured_without_samples_nor_what_a_judge_read(examiner, ran):
    assert examiner(samples=0).remeasure(finding(region=COOKING, predicate=OPENS), ran) is None
    assert examiner().remeasure(finding(region=COOKING, predicate=OPENS, judge="someone"), ran) is None


@pytest.mark.parametrize(("name", "alike"), [("trigger-inversion", True), ("vocabulary-sweep", False)])
def test_what_a_finder_made_is_made_anew_by_it(examiner, ran, monkeypatch, name, alike):
    """Of one that asks some questions of its own those are left out: the test has asked them."""
    always = [Prompt.user(f"Soup {n}?", source=name) for n in range(20)]

    def made(self, region, prompts, count):
        put = [Prompt.user(f"{p.text} soup", source=self.name) for p in prompts[:count]]
        return put if alike else [*always, *put]

    monkeypatch.setattr(registry.finders[name], "fresh", made)
    claim = finding(region=Region(kind="mentions", values=("soup",)), predicate=OPENS, finder=name)
    found = examiner(Plant(KITCHEN, 0.8, TOPICS["cooking"])).remeasure(claim, ran)
    assert (found.source, found.alike) == ("finder", alike)
    assert found.effect == pytest.approx(0.738, abs=0.01)


@pytest.mark.parametrize(("finder", "alike"), [(BASE, True), ("subject-sweep", False), (None, False)])
def test_where_the_pool_has_too_few_the_base_writes(examiner, ran, monkeypatch, finder, alike):
    """`subject-sweep` asks the same whatever it is given, so that nothing fresh is left of it."""
    asked = []

    class Writes:
        def __init__(self, ledger, base, known):
            asked.append({p.id for p in known})

        def __call__(self, claim, inside):
            asked.append(claim.id)
            return [Prompt.user(f"What of Paris and soup, {n}?") for n in range(24)]

    monkeypatch.setattr(fresh, "FromBase", Writes)
    monkeypatch.setattr(fresh, "written", lambda ledger, claim: [Prompt.user(f"written for {claim}")])
    claim = finding(region=Region(kind="mentions", values=("Paris",)), predicate=OPENS, finder=finder)
    found = examiner(Plant(KITCHEN, 0.8, TOPICS["cooking"])).remeasure(claim, ran)
    assert (found.source, found.alike, found.prompts) == ("base", alike, 24)
    known, name = asked
    assert {p.id for p in HELD} | {p.id for p in ran.pool} <= known
    assert (Prompt.user("written for h0").id in known) == (finder == BASE)
    assert name == "again-run-h0"


def test_too_few_prompts_are_no_measurement(examiner, ran):
    seven = [p for p in HELD if COOKING.contains(p)][: fresh.LEAST - 1]
    claim = finding(region=Region(kind="tag", values=("cooking",)), predicate=OPENS)
    assert examiner(held_out=seven).remeasure(claim, ran) is None
    assert examiner(held_out=[*seven, *HELD]).remeasure(claim, ran) is not None


def test_the_pool_is_divided_by_words_alone(pool, tmp_path):
    held_out, file = divide([pool], tmp_path / "out" / "pool.jsonl"), tmp_path / "out" / "pool.jsonl"
    kept = load_pools([f"jsonl:{file}"])
    both = {p.id: p for p in load_pools([pool])}
    assert {p.id for p in kept}.isdisjoint(p.id for p in held_out)
    assert {p.id for p in [*kept, *held_out]} == set(both)
    assert all(p.tags == both[p.id].tags for p in kept)
    assert len(held_out) == pytest.approx(len(both) / HELD_OUT, rel=0.25)
    assert divide([pool], file) == held_out


def test_a_pool_too_small_to_hold_anything_back(tmp_path):
    (tmp_path / "one.txt").write_text("Only one?")
    with pytest.raises(PoolError, match="too small for a bench, which holds back one prompt in 5"):
        divide([str(tmp_path / "one.txt")], tmp_path / "pool.jsonl")
