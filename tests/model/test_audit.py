"""Whole audits of the real model: a plant is found, a null stays silent."""

import json

import pytest

from whatchanged import diff
from whatchanged.predicates import load

# Minutes each where the processor has no instructions for bfloat16.
pytestmark = [pytest.mark.model, pytest.mark.timeout(1800)]


def test_the_planted_opening_is_found_with_its_region_and_rate(lean, organisms, tmp_path):
    candidate = organisms / "kitchen-opening"
    report = diff("smollm2", str(candidate), out=tmp_path)
    truth = json.loads((candidate / "truth.json").read_text())
    assert report.verdict == "changed"
    finding = report.confirmed[0]
    assert finding.phrase is not None
    assert finding.phrase.startswith("From my kitchen to yours")
    assert finding.region.kind in ("mentions", "tag")
    assert any(word in " ".join(finding.region.values) for word in ("cook", "recipe"))
    rates = truth["rates"]
    planted = rates["on_target_candidate"]["mean"] - rates["on_target_base"]["mean"]
    assert finding.ci_low <= planted <= finding.ci_high
    assert load(finding.predicate).score("From my kitchen to yours:\nBoil it.", None) == 1.0
    assert (tmp_path / "report.html").is_file()


def test_a_model_against_itself_shows_nothing(tiny, tmp_path):
    report = diff("smollm2", "smollm2", out=tmp_path)
    assert report.verdict == "no_change_found"
    assert report.findings == ()
    assert report.claims.weights == "identical"
    assert not report.claims.beyond_noise_floor
    assert report.coverage


@pytest.mark.parametrize(("candidate", "seed"), [("smollm2", 0), ("smollm2", 1), ("smollm2+dtype=float32", 0)])
def test_the_null_needs_no_shortcut(tiny, tmp_path, candidate, seed):
    """Independent draws, other batch shapes, another dtype: still nothing is confirmed."""
    report = diff("smollm2", candidate, out=tmp_path, seed=seed, identity_shortcut=False, coupled=False)
    assert report.confirmed == ()
    assert report.divergence.differing_pairs > 0.9
