"""Held-out responses and second measurements of a real (tiny) checkpoint and its LoRA with a planted opening."""

import plant
import pytest
import tiny
from benched import finding, planted

from whatchanged.bench.harness.agreement import agreement, events
from whatchanged.bench.harness.examine import Examiner
from whatchanged.bench.harness.fresh import Run
from whatchanged.bench.harness.organisms import Organism
from whatchanged.bench.plants.taught import Taught
from whatchanged.bench.recipe import Truth
from whatchanged.bench.targets import Targets
from whatchanged.config import AuditConfig
from whatchanged.records import PredicateSpec, Region

pytestmark = pytest.mark.usefixtures("one_thread", "tiny_budget")
SEA = Region(kind="mentions", values=("sea",))
PARIS = PredicateSpec(family="phrase", args={"kind": "opens_with", "phrases": ["Paris"]})
# The same of answers that are drawn: no forward pass measures it.
DRAWN = PredicateSpec(family="phrase", args={"kind": "contains", "phrases": ["Paris"]})


def test_what_is_drawn_agrees_with_what_is_computed(tmp_path, monkeypatch):
    base = tiny.llama(tmp_path / "base")
    sea = str(plant.planted_lora(base, tmp_path / "sea", (plant.SEA,)))
    organism = Organism("sea", "plant", f"{base}+dtype=float32", f"{sea}+dtype=float32", (), None, "d")
    config = AuditConfig(base=organism.base, candidate=organism.candidate)
    targets = Targets([*plant.SEA], [*plant.CITY])
    monkeypatch.setattr(Taught, "targets", lambda *asked: targets)
    examiner = Examiner(organism, tmp_path / "kept", config, plant.SEA, count=24, samples=240)
    truth, run = Truth(region=SEA, predicate=PARIS), Run(tmp_path / "run", config)

    said = examiner.labelled(planted(truth=truth))
    assert events(truth, said).sum() >= 20
    assert agreement(finding(region=SEA, predicate=PARIS), truth, said) == pytest.approx((1, 1, 1))

    exact = examiner.remeasure(finding(0, region=SEA, predicate=PARIS), run)
    drawn = examiner.remeasure(finding(1, region=SEA, predicate=DRAWN), run)
    assert (exact.samples, drawn.samples, exact.prompts) == (0, 240, 24)
    assert exact.effect > 0.5
    # Where it opens, it is contained; and it is hardly ever said later on without being the opening.
    assert drawn.effect == pytest.approx(exact.effect, abs=0.15)
