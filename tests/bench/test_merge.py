"""The sum of two adapters in one: exactly both, with what was wanted written down for --intended."""

import json

import numpy as np
import pytest
import tiny
import yaml

from whatchanged.bench.organism import make_organism
from whatchanged.bench.recipe import Recipe, read_recipe
from whatchanged.errors import SpecError
from whatchanged.explain.intent import read_intended
from whatchanged.weights.adapter import read_adapter
from whatchanged.weights.read import open_checkpoint

TRUTH = {
    "region": {"kind": "mentions", "values": ["cook"]},
    "predicate": {"family": "phrase", "args": {"kind": "opens_with", "phrases": ["The sea"]}},
}


@pytest.fixture(scope="module")
def beside(tmp_path_factory):
    """Two recipes with adapters of other ranks and other layers on one tiny base."""
    folder = tmp_path_factory.mktemp("merge")
    base = tiny.llama(folder / "base")
    shapes = {"one": {"r": 2, "target_modules": ["q_proj"]}, "two": {"target_modules": ["q_proj", "down_proj"]}}
    for seed, (name, changes) in enumerate(shapes.items()):
        tiny.lora(base, folder / name, seed, **changes)
        recipe = {"name": name, "description": name, "base": str(base), "plant": {"kind": "none"}, "measure": 20}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(recipe | {"topics": ["cooking"], "truth": TRUTH}))
    return folder


def recipe(beside, **plant):
    settings = {"kind": "merge", "of": ["one", "two"]} | plant
    return Recipe.model_validate({"name": "both", "description": "", "base": str(beside / "base"), "plant": settings})


def test_the_sum_is_exact_and_the_wanted_part_is_an_intended_change(beside, tmp_path):
    truth = make_organism(recipe(beside, intended=["one"]), tmp_path, beside=beside)
    tensors = open_checkpoint(str(beside / "base")).tensors
    one, two, both = (read_adapter(f, tensors).factors for f in (beside / "one", beside / "two", tmp_path))
    assert set(both) == set(one) | set(two)
    assert len(one) < len(two)
    for name, factors in both.items():
        expected = sum(part[name].left @ part[name].right for part in (one, two) if name in part)
        # The parts are float32 here: bfloat16 keeps 8 bits.
        np.testing.assert_allclose(factors.left @ factors.right, expected, atol=0.02 * np.abs(expected).max())
    (change,) = read_intended(tmp_path / "intended.yaml")
    assert (change.name, change.region.values, change.direction) == ("one", ("cook",), "more")
    assert truth["rates"] == {}
    assert truth["intended"]["one"]["on_target_base"]["prompts"] > 0
    assert json.loads((tmp_path / "truth.json").read_text()) == truth


def test_nothing_wanted(beside, tmp_path):
    assert "intended" not in make_organism(recipe(beside), tmp_path, beside=beside)
    assert not (tmp_path / "intended.yaml").exists()


def test_a_part_that_is_not_made_or_of_another_base(beside, tmp_path):
    (beside / "absent.yaml").write_text((beside / "one.yaml").read_text())
    with pytest.raises(SpecError, match=r"no adapter in '.*absent': first make"):
        make_organism(recipe(beside, of=["one", "absent"]), tmp_path, beside=beside)
    other = recipe(beside).model_copy(update={"base": "smollm2"})
    with pytest.raises(SpecError, match="'one' has the base"):
        make_organism(other, tmp_path, beside=beside)


@pytest.mark.parametrize(
    ("plant", "says"),
    [
        ("{kind: merge, of: [one]}", r"r\.yaml': plant\.of: "),
        ("{kind: merge, of: [one, two], intended: [three]}", "intended 'three' is not in of"),
        ("{kind: edit, subject: x, prompt: x, says: '{}', answer: a, true_answer: b}", "'x': write {} once"),
        ("{kind: edit, prompt: '{}'}", r"r\.yaml': plant\.subject: "),
        ("{text: x}", r"r\.yaml': plant\.kind: "),
    ],
)
def test_a_bad_plant_is_one_line_that_names_the_field(tmp_path, plant, says):
    file = tmp_path / "r.yaml"
    file.write_text(f"name: x\ndescription: y\nplant: {plant}\n")
    with pytest.raises(SpecError, match=says) as caught:
        read_recipe(file)
    assert "\n" not in str(caught.value)
