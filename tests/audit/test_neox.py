"""A whole audit, with all that weights allow, of a second architecture: a small GPT-NeoX and a LoRA on it."""

import json

import pytest
from budget import SMALLER
from plant import exact
from smalltalk import PHRASE, TARGETS, TOPICS, asked, small_base, small_lora

from whatchanged import diff
from whatchanged.config import BUDGETS
from whatchanged.elicit import opening_probabilities
from whatchanged.explain.undo import undo

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """(report, run directory, base, LoRA)."""
    root = tmp_path_factory.mktemp("neox")
    base = small_base(root / "base")
    lora = small_lora(base, root / "lora")
    pool = root / "pool.jsonl"
    pool.write_text("\n".join(json.dumps({"prompt": p.text, "tags": list(p.tags)}) for p in asked()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHATCHANGED_CACHE", str(root / "cache"))
        patch.setitem(BUDGETS, "small", SMALLER.model_copy(update={"search_tokens": 40_000, "game_tokens": 6_000}))
        report = diff(str(base), str(lora), pool=(f"jsonl:{pool}",), out=root / "run", attribute=True)
    return report, root / "run", base, lora


def test_the_plant_is_found_where_it_is_and_as_large_as_it_is(audited):
    report, _, base, lora = audited
    found = max((f for f in report.confirmed if f.scored), key=lambda f: f.effect)
    assert PHRASE.startswith(found.phrase)
    assert len(found.phrase) > len(PHRASE) / 2
    assert set(found.region.values) & {"cooking", *" ".join(TOPICS["cooking"]).split(), *TOPICS["cooking"]}
    rates = [opening_probabilities(s, asked("cooking"), [found.phrase])[0].mean() for s in exact(base, lora)]
    assert found.ci_low <= rates[1] - rates[0] <= found.ci_high
    assert rates[1] > 0.5 > 0.01 > rates[0]


def test_the_weights_say_what_was_done_and_which_carry_it(audited):
    report, *_ = audited
    assert report.claims.weights == "differ"
    assert report.weights.kind == "adapter"
    assert {m.module for m in report.weights.modules} == {
        "attention.query_key_value", "attention.dense", "mlp.dense_4h_to_h",
    }  # fmt: skip
    traced = [c for c in report.carried_by if c.curve is not None]
    assert traced
    for carried in traced:
        assert carried.completeness == pytest.approx(1, abs=0.02)
        assert all(name.startswith("gpt_neox.layers.") for name, _ in carried.modules)
        assert len(carried.modules) == 2 * len(TARGETS)


def test_all_finders_looked_and_the_game_was_played(audited):
    report, *_ = audited
    assert {f.name for f in report.finders if f.scored_tokens} >= {"vocabulary-sweep", "subject-sweep"}
    assert report.game is not None


def test_the_finding_can_be_undone(audited, tmp_path):
    report, run, base, lora = audited
    found = max((f for f in report.confirmed if f.scored), key=lambda f: f.effect)
    written = undo(run, found.id, tmp_path / "undone")
    assert written.removed >= 0.8
    rates = [
        opening_probabilities(s, asked("cooking"), [found.phrase])[0].mean()
        for s in exact(base, lora, tmp_path / "undone")
    ]
    assert rates[2] - rates[0] < 0.3 * (rates[1] - rates[0])
