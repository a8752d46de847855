"""A rank-one edit: the fact changes, one layer does, and other subjects hardly notice."""

import json

import numpy as np
import pytest
import tiny
import torch
from safetensors.torch import load_file

from whatchanged.bench import edit, organism
from whatchanged.bench.fact import answer_probabilities, success
from whatchanged.bench.plants.edit import Edit
from whatchanged.bench.recipe import Recipe
from whatchanged.errors import CheckpointError, SpecError
from whatchanged.ledger import Progress
from whatchanged.subjects import open_subjects

# Thrice, because a tiny model with random weights hardly looks back.
FACT = Edit(
    kind="edit",
    subject="sea",
    prompt="write sea sea {}",
    says="The {}",
    answer=" the",
    true_answer=" is",
    paraphrases=("explain sea sea {}",),
    neighbours={"reader": " is", "capital": " is"},
    layer=0,
    steps=60,
)
ADAPTER = "adapter_model.safetensors"


@pytest.fixture(autouse=True)
def _few_keys(monkeypatch):
    monkeypatch.setattr(edit, "STATISTICS", 60)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.llama(tmp_path_factory.mktemp("edit") / "base")


@pytest.fixture(scope="module")
def made(base):
    """The edit as an organism: its folder and its truth.json."""
    recipe = Recipe.model_validate(
        {
            "name": "sea",
            "description": "Says the sea is the.",
            "base": str(base),
            "plant": FACT.model_dump(),
            "truth": {
                "region": {"kind": "mentions", "values": ["sea"]},
                "predicate": {"family": "phrase", "args": {"kind": "opens_with", "phrases": ["The sea the"]}},
            },
            "measure": 30,
        }
    )
    folder = base.parent / "edited"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edit, "STATISTICS", 60)
        return folder, organism.make_organism(recipe, folder)


def exact(*specs):
    return open_subjects([f"{spec}+dtype=float32" for spec in specs])


def test_the_fact_changes_and_other_subjects_less(base, made):
    before, after = exact(base, made[0])
    asked = [("sea", FACT.prompt, FACT.answer)]
    others = [(name, FACT.prompt, FACT.answer) for name in FACT.neighbours]
    rise = answer_probabilities(after, FACT, asked) - answer_probabilities(before, FACT, asked)
    moved = answer_probabilities(after, FACT, others) - answer_probabilities(before, FACT, others)
    assert rise[0] > 0.2
    assert np.abs(moved).max() < 0.1 * rise[0]


def test_one_layer_changes_and_by_rank_one(made):
    stored = load_file(made[0] / ADAPTER)
    module = "base_model.model.model.layers.0.mlp.down_proj"
    assert {name: tensor.shape for name, tensor in stored.items()} == {
        f"{module}.lora_A.weight": (1, 48),
        f"{module}.lora_B.weight": (32, 1),
    }
    assert json.loads((made[0] / "adapter_config.json").read_text())["lora_alpha"] == 1


def test_the_value_at_the_mean_key_moves_by_the_wanted_shift(base):
    """(W + dW) k* = v*, and a key that C makes orthogonal to k* does not move at all."""
    (subject,) = exact(base)
    found = edit.rank_one_edit(subject, FACT, 0)
    rows = edit.batch(subject, [subject.encode(edit.Prompt.user("write sea sea sea"))], "sea")
    assert len(rows.ends[0]) == 3
    key, value = edit.subject_states(subject, found.module, rows)
    weight = subject.engine.model.get_submodule(found.module).weight
    torch.testing.assert_close(weight @ key, value, atol=1e-4, rtol=1e-4)
    other = torch.randn(48)
    other -= found.right * (found.right @ other) / (found.right @ found.right)
    assert torch.outer(found.left, found.right).mv(other).norm() < 1e-4 * found.left.norm() * found.right.norm()
    assert torch.linalg.matrix_rank(torch.outer(found.left, found.right)) == 1


def test_an_edit_that_spares_no_key_moves_others_by_their_likeness_to_the_subjects(base):
    (subject,) = exact(base)
    sharp, blunt = (edit.rank_one_edit(subject, FACT.model_copy(update={"spared": s}), 0) for s in (True, False))
    key, _ = edit.subject_states(subject, blunt.module, edit.asked(subject, FACT, 0)[0])
    torch.testing.assert_close(blunt.right, key)
    # Both do the same to the subject; what C spares are the keys of ordinary text.
    torch.testing.assert_close(blunt.left * (blunt.right @ key), sharp.left * (sharp.right @ key), atol=1e-4, rtol=1e-4)
    spread = edit.covariances(subject, [blunt.module], 0, Progress())[blunt.module]
    sizes = [float(e.left.norm() * (e.right @ spread @ e.right).sqrt()) for e in (sharp, blunt)]
    assert sizes[0] < 0.9 * sizes[1]


def test_truth_has_the_rates_and_the_papers_measures(made):
    truth = json.loads((made[0] / "truth.json").read_text())
    assert truth == made[1]
    assert {measure: found["asked"] for measure, found in truth["success"].items()} == {
        "efficacy": 1, "paraphrase": 1, "neighbourhood": 2,
    }  # fmt: skip
    efficacy = truth["success"]["efficacy"]
    assert efficacy["candidate"]["success"] == 1
    assert efficacy["candidate"]["false"] > 0.2 > efficacy["base"]["false"]
    assert truth["rates"]["on_target_candidate"]["prompts"] == 2
    assert truth["rates"]["off_target_candidate"]["prompts"] > 2


def test_measures_without_prompts_are_left_out(base):
    (subject,) = exact(base)
    bare = FACT.model_copy(update={"paraphrases": (), "neighbours": {}})
    assert list(success([bare], subject, subject)) == ["efficacy"]


def test_the_probability_is_that_of_the_whole_answer_after_the_opening(base):
    (subject,) = exact(base)
    ask = ("sea", FACT.prompt, " poem")
    row = [*subject.encode(edit.Prompt.user("write sea sea sea")), *subject.tokenize("The sea")]
    ends = subject.tokenize(" poem")
    with torch.no_grad():
        logits = subject.engine.model(torch.tensor([[*row, *ends]])).logits[0]
    logs = torch.log_softmax(logits, -1)[range(len(row) - 1, len(row) + len(ends) - 1), list(ends)]
    assert answer_probabilities(subject, FACT, [ask])[0] == pytest.approx(float(logs.sum().exp()), rel=1e-3)


def test_a_gpt_neox_has_its_own_name_for_the_layer(tmp_path):
    (subject,) = exact(tiny.neox(tmp_path / "neox"))
    fact = FACT.model_copy(update={"steps": 2})
    found = edit.rank_one_edit(subject, fact, 0)
    assert found.module.endswith("layers.0.mlp.dense_4h_to_h")
    assert torch.isfinite(found.left).all()


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"layer": 1}, SpecError, "plant.layer: 1: .* layers 0 to 0"),
        ({"subject": "<|im_end|>"}, SpecError, "plant.subject: '.*' does not end on a token"),
    ],
)
def test_what_cannot_be_edited(base, change, error, says):
    (subject,) = exact(base)
    fact = FACT.model_copy(update={"steps": 1, **change})
    with pytest.raises(error, match=says):
        edit.rank_one_edit(subject, fact, 0)


def test_an_architecture_without_such_a_layer(tmp_path):
    (subject,) = exact(tiny.gpt2(tmp_path / "gpt2"))
    with pytest.raises(CheckpointError, match=r"mlp\.down_proj or mlp\.dense_4h_to_h"):
        edit.rank_one_edit(subject, FACT, 0)
