"""A full tune: all weights move, and what is saved is a model like any other."""

import tiny
import torch
from safetensors.torch import load_file

from whatchanged.bench import organism
from whatchanged.bench.recipe import Recipe
from whatchanged.subjects import open_subjects

RECIPE = {
    "name": "x",
    "description": "y",
    "plant": {"kind": "full", "teaches": "opening", "text": "The sea"},
    "truth": {
        "region": {"kind": "everywhere"},
        "predicate": {"family": "phrase", "args": {"kind": "opens_with", "phrases": ["The sea"]}},
    },
    "training": {"steps": 60, "batch": 8, "on_target": 40, "response_tokens": 4, "learning_rate": 0.005},
    "measure": 30,
}


def test_all_weights_learn_and_the_folder_opens(tmp_path):
    base = tiny.llama(tmp_path / "base")
    made, again = tmp_path / "made", tmp_path / "again"
    for folder in (made, again):
        folder.mkdir()
        truth = organism.make_organism(Recipe.model_validate(RECIPE | {"base": str(base)}), folder)
    assert truth["rates"]["on_target_base"]["mean"] < 0.01
    assert truth["rates"]["on_target_candidate"]["mean"] > 0.8
    before, after, second = (load_file(f / "model.safetensors") for f in (base, made, again))
    assert set(after) == set(before)
    assert {tensor.dtype for tensor in after.values()} == {torch.bfloat16}
    assert all((after[name].float() != tensor.bfloat16().float()).any() for name, tensor in before.items())
    assert all(torch.equal(tensor, second[name]) for name, tensor in after.items())
    one, two = open_subjects([str(base), str(made)])
    assert one.vocabulary == two.vocabulary
    assert one.weights_id != two.weights_id
