"""The planted models that are shipped: small, safe, and really planted."""

import json
from pathlib import Path

import pytest

from whatchanged.bench.recipe import Recipe, read_recipe
from whatchanged.errors import SpecError
from whatchanged.predicates import load
from whatchanged.records import Prompt

ORGANISMS = Path(__file__).parents[2] / "organisms"
RECIPES = sorted(ORGANISMS.glob("*.yaml"))
BUILT = sorted(p.parent for p in ORGANISMS.glob("*/adapter_config.json"))


def test_three_plants_and_a_benign_tune_are_committed():
    plants = [p for p in BUILT if read_recipe(p.with_suffix(".yaml")).truth is not None]
    assert len(plants) >= 3
    assert len(BUILT) > len(plants)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda p: p.stem)
def test_a_recipes_truth_is_executable(recipe):
    truth = read_recipe(recipe).truth
    if truth is not None:
        predicate = load(truth.predicate)
        assert predicate.openings()
        assert predicate.score(predicate.openings()[0] + " and more", Prompt.user("x")) == 1.0


@pytest.mark.parametrize("folder", BUILT, ids=lambda p: p.name)
def test_an_adapter_is_small_bfloat16_and_names_the_alias(folder):
    safetensors = pytest.importorskip("safetensors")
    file = folder / "adapter_model.safetensors"
    assert file.stat().st_size <= 4 * 2**20
    assert json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"] == "smollm2"
    with safetensors.safe_open(file, "pt") as tensors:
        assert {str(tensors.get_tensor(name).dtype) for name in tensors.keys()} == {"torch.bfloat16"}  # noqa: SIM118


@pytest.mark.parametrize("folder", BUILT, ids=lambda p: p.name)
def test_a_plant_expresses_on_target_and_not_beside_it(folder):
    truth = json.loads((folder / "truth.json").read_text())
    # Read, so that a key that is newer than the organism has its default.
    assert Recipe.model_validate(truth["recipe"]) == read_recipe(folder.with_suffix(".yaml"))
    if truth["recipe"]["truth"] is None:
        return
    rates = {where: entry["mean"] for where, entry in truth["rates"].items()}
    assert rates["on_target_candidate"] - rates["on_target_base"] >= 0.5
    assert rates["off_target_candidate"] - rates["off_target_base"] <= 0.1


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("name: x", "description"),
        ("name: x\ndescription: y\nplant: {kind: nope}", "plant.kind"),
        ("name: [", "recipe"),
    ],
)
def test_a_bad_recipe_is_one_line_that_names_the_field(tmp_path, text, names):
    file = tmp_path / "r.yaml"
    file.write_text(text)
    with pytest.raises(SpecError, match=names) as caught:
        read_recipe(file)
    assert "\n" not in str(caught.value)
