"""The written adapter takes one plant back and leaves the other, and opens like any other candidate."""

import json

import pytest
import tiny
from plant import CITY, SAYS, SEA, digests, exact
from ran import OPENS, opens, ran

from whatchanged.elicit import opening_probabilities
from whatchanged.errors import CheckpointError, PoolError, RunDirectoryError, SpecError, UsageError
from whatchanged.explain import undo as undo_module
from whatchanged.explain.undo import undo
from whatchanged.records import PredicateSpec
from whatchanged.subjects import open_subjects


def rates(*folders):
    """Mean P of each plant's phrase on its own prompts, by folder."""
    found = []
    for subject in exact(*folders):
        found.append([opening_probabilities(subject, on, [said])[0].mean() for on, said in SAYS.items()])
    return found


def shares(base, candidate, undone):
    """What is left of each plant's effect."""
    return [(u - b) / (c - b) for b, c, u in zip(*rates(base, candidate, undone), strict=True)]


def test_one_plant_in_an_adapter_goes(planted, tmp_path):
    run = ran(tmp_path / "run", planted["llama"], planted["lora"], opens("sea"))
    written = undo(run, "sea", tmp_path / "out")
    assert sorted(p.name for p in written.out.iterdir()) == [
        "README.md", "adapter_config.json", "adapter_model.safetensors",
    ]  # fmt: skip
    assert written.directions == 0
    assert 0 < written.modules <= written.of_modules
    assert written.removed >= 0.9
    assert abs(written.completeness - 1) <= 0.02
    left, _ = shares(planted["llama"], planted["lora"], written.out)
    assert left < 0.2
    assert written.rate_undone < 0.2 * written.rate_candidate
    assert written.next_command == f"whatchanged diff {planted['llama']}+dtype=float32 {written.out}+dtype=float32"
    assert written.elsewhere_with is not None


def test_of_two_plants_one_goes_and_the_other_stays(planted, tmp_path):
    run = ran(tmp_path / "run", planted["llama"], planted["both"], opens("sea"), opens("city", intent="intended"))
    written = undo(run, "sea", tmp_path / "out")
    assert written.directions > 0
    left, stays = shares(planted["llama"], planted["both"], written.out)
    assert left < 0.2
    assert stays > 0.8
    (kept,) = written.kept
    assert (kept.finding, kept.share) == ("city", pytest.approx(stays, abs=0.05))
    stored = [json.loads((f / "adapter_config.json").read_text()) for f in (planted["both"], written.out)]
    assert stored[0] == stored[1]


@pytest.mark.parametrize(("base", "candidate"), [("llama", "full"), ("neox", "neox_full")])
def test_a_whole_checkpoint_gets_a_lora_on_top(planted, tmp_path, base, candidate):
    run = ran(tmp_path / "run", planted[base], planted[candidate], opens("sea"))
    before = digests(*exact(planted[base], planted[candidate]))
    written = undo(run, "sea", tmp_path / "out")
    assert digests(*exact(planted[base], planted[candidate])) == before
    config = json.loads((written.out / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(planted[candidate])
    assert config["lora_alpha"] == config["r"]
    p, q, left = (
        opening_probabilities(s, SEA, ["Paris"])[0].mean()
        for s in exact(planted[base], planted[candidate], written.out)
    )
    assert (left - p) / (q - p) < 0.2
    assert left == pytest.approx(written.rate_undone, abs=0.05)
    assert written.directions > 0


def test_gpt2s_transposed_weights(planted, tmp_path):
    from plant import planted_full

    base = tiny.gpt2(tmp_path / "gpt2")
    candidate = planted_full(base, tmp_path / "tuned", targets=("c_proj", "c_attn"))
    written = undo(ran(tmp_path / "run", base, candidate, opens("sea")), "sea", tmp_path / "out")
    left = opening_probabilities(exact(written.out)[0], SEA, ["Paris"])[0].mean()
    assert left == pytest.approx(written.rate_undone, abs=0.05)
    assert written.rate_undone < 0.2 * written.rate_candidate


def test_the_adapters_of_other_dtypes_and_bases_given_by_hand(planted, tmp_path):
    adapter = tiny.copied(
        planted["lora"], tmp_path / "half", lambda t: t.update({k: v.bfloat16() for k, v in t.items()})
    )
    config = adapter / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"base_model_name_or_path": "gone"}))
    run = ran(tmp_path / "run", planted["llama"], f"{adapter}+base={planted['llama']}", opens("sea"), opens("city"))
    written = undo(run, "sea", tmp_path / "out")
    assert written.directions > 0
    base, undone = open_subjects([f"{planted['llama']}+dtype=float32", f"{written.out}+dtype=float32"])
    p, left = (opening_probabilities(s, SEA, ["Paris"])[0].mean() for s in (base, undone))
    assert left - p < 0.2 * (written.rate_candidate - p)


def test_which_others_are_spared(planted, tmp_path):
    others = [
        opens("city", id="wanted", intent="intended"),
        opens("city", id="side", intent="side_effect"),
        opens("city", id="mirror", direction="less"),
        opens("sea", id="longer", phrase="Paris is"),
        opens("city", id="refuted", status="refuted"),
        opens("city", id="sampled", scored=False),
    ]
    run = ran(tmp_path / "run", planted["llama"], planted["both"], opens("sea"), *others)
    assert [k.finding for k in undo(run, "sea", tmp_path / "out").kept] == ["wanted"]


def test_the_readme_says_what_it_is_and_is_harmless(planted, tmp_path):
    run = ran(tmp_path / "run", planted["llama"], planted["lora"], opens("sea", sentence="evil\x1b[31m\n# heading"))
    text = (undo(run, "sea", tmp_path / "out").out / "README.md").read_text()
    assert "a copy of the candidate's adapter without it" in text
    assert "\x1b" not in text
    assert "\n# heading" not in text
    assert f"whatchanged diff {planted['llama']}" in text


@pytest.mark.parametrize(
    ("changes", "asked", "error", "says"),
    [
        ({}, "other", RunDirectoryError, "has no finding 'other': one of sea"),
        ({"status": "refuted"}, "sea", UsageError, "is refuted: only a confirmed one"),
        ({"scored": False}, "sea", UsageError, "needs an opening phrase"),
        ({"predicate": PredicateSpec(family="attribute", args={"name": "refusal"})}, "sea", UsageError, "opening"),
        ({"region": OPENS["nowhere"][0]}, "sea", UsageError, "lies in its region"),
    ],
)
def test_findings_that_cannot_be_undone_are_one_line(planted, tmp_path, changes, asked, error, says):
    run = ran(tmp_path / "run", planted["llama"], planted["lora"], opens("sea", **changes))
    with pytest.raises(error) as caught:
        undo(run, asked, tmp_path / "out")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_models_and_folders_that_are_gone_or_taken_are_one_line(planted, tmp_path, monkeypatch):
    llama, lora, finding = planted["llama"], planted["lora"], opens("sea")
    dora = tiny.lora(llama, tmp_path / "dora", use_dora=True)
    cases = [
        (ran(tmp_path / "a", tmp_path / "gone", lora, finding), SpecError, "no model at"),
        (ran(tmp_path / "b", llama, tmp_path / "gone", finding), SpecError, "no model at"),
        (
            ran(tmp_path / "c", llama, f"{llama}+quantize=int8", finding),
            SpecError,
            "+quantize=int8 is applied at run time",
        ),
        (ran(tmp_path / "d", llama, dora, finding), CheckpointError, "more than plain LoRA layers"),
        (ran(tmp_path / "e", llama, lora, finding, pool=["absent.jsonl"]), PoolError, "absent.jsonl"),
        (ran(tmp_path / "f", llama, lora, finding, limits=None), RunDirectoryError, "which prompts it used"),
        (tmp_path / "no-run", RunDirectoryError, "no report.json there"),
    ]
    for run, error, says in cases:
        with pytest.raises(error, match=says.replace("+", r"\+")):
            undo(run, "sea", tmp_path / "out")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    good = ran(tmp_path / "g", llama, lora, finding)
    with pytest.raises(UsageError, match="not empty"):
        undo(good, "sea", tmp_path / "taken")
    monkeypatch.setattr(undo_module, "LEAST", 1.1)
    with pytest.raises(UsageError, match="no small undo"):
        undo(good, "sea", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_undo_does_not_see_the_prompts_of_the_test(planted, tmp_path, monkeypatch):
    from whatchanged.explain import score
    from whatchanged.pools import load_pools, split

    seen = []
    original = score.Score.__init__

    def spy(self, change, prompts, *rest):
        seen.extend(prompts)
        original(self, change, prompts, *rest)

    monkeypatch.setattr(score.Score, "__init__", spy)
    run = ran(tmp_path / "run", planted["llama"], planted["lora"], opens("sea"))
    undo(run, "sea", tmp_path / "out")
    sides = split(load_pools([str(tmp_path / "run" / "pool.jsonl")]), 600, 1500, 0)
    assert {p.id for p in seen} <= {p.id for p in sides.discovery}
    assert len(CITY + SEA) == len(sides.discovery + sides.confirmation)
