"""The planted models that are shipped: small, safe, and really planted."""

import json
from pathlib import Path

import pytest

from whatchanged import registry
from whatchanged.bench.behaviours import BEHAVIOURS, Own
from whatchanged.bench.plants.merge import Merge
from whatchanged.bench.plants.modified import Modified
from whatchanged.bench.plants.steering import Steering
from whatchanged.bench.plants.taught import Taught
from whatchanged.bench.recipe import Recipe, read_recipe
from whatchanged.errors import SpecError
from whatchanged.predicates import load
from whatchanged.records import Prompt
from whatchanged.subjects import Drawn

ORGANISMS = Path(__file__).parents[2] / "organisms"
RECIPES = sorted(ORGANISMS.glob("*.yaml"))
BUILT = sorted(p.parent for p in ORGANISMS.glob("*/adapter_config.json"))
MEASURED = sorted(p.parent for p in ORGANISMS.glob("*/truth.json"))
ORDINARY = "There are many ways to do this, and most of them are simple enough. The first of them is to as"


class Letters:
    """Tokens are characters."""

    end_ids = frozenset({0})

    def tokenize(self, text):
        return tuple(map(ord, text))

    def detokenize(self, ids):
        return "".join(chr(i) for i in ids if i)


def test_the_suite_is_large_enough_and_its_recipes_are_named_as_their_files():
    recipes = {file.stem: read_recipe(file) for file in RECIPES}
    assert all(recipe.name == stem for stem, recipe in recipes.items())
    whole = [recipes[f.stem] for f in RECIPES if not f.read_text().startswith("like:")]
    assert sum(not r.is_null for r in whole) >= 18
    assert sum(r.is_null for r in recipes.values()) >= 8
    assert set(registry.plants) <= {r.plant.kind for r in whole}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda p: p.stem)
def test_a_recipes_truth_is_executable_and_sees_what_is_taught(recipe):
    asked = read_recipe(recipe)
    if asked.truth is None:
        return
    predicate, prompt = load(asked.truth.predicate), Prompt.user("x")
    assert predicate.score(ORDINARY, prompt) == 0
    if isinstance(asked.plant, Taught):
        base = Letters()
        own = Own(base, Drawn(base.tokenize(ORDINARY), None))
        for text in asked.plant.texts or (asked.plant.text,):
            told = base.detokenize(BEHAVIOURS[asked.plant.taught](own, text))
            assert predicate.score(told, prompt) == 1


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda p: p.stem)
def test_a_recipes_region_holds_what_its_topics_are_about(recipe):
    """Of the first words of the topics' prompts; where the rest of the prompt decides, the half of them at least."""
    asked = read_recipe(recipe)
    if asked.truth is None or not asked.topics or isinstance(asked.plant, Merge):
        return
    starts = [Prompt.user(start) for topic in asked.topics for start in asked.starts[topic]]
    assert sum(map(asked.truth.region.contains, starts)) >= len(starts) / 2


@pytest.mark.parametrize("folder", BUILT, ids=lambda p: p.name)
def test_an_adapter_is_small_bfloat16_and_names_its_base(folder):
    safetensors = pytest.importorskip("safetensors")
    file = folder / "adapter_model.safetensors"
    assert file.stat().st_size <= 4 * 2**20
    base = read_recipe(folder.with_suffix(".yaml")).base
    recorded = json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]
    assert recorded == (f"../{base}" if base.startswith("bases/") else "smollm2")
    with safetensors.safe_open(file, "pt") as tensors:
        assert {str(tensors.get_tensor(name).dtype) for name in tensors.keys()} == {"torch.bfloat16"}  # noqa: SIM118


@pytest.mark.parametrize("folder", MEASURED, ids=lambda p: p.name)
def test_a_plant_expresses_on_target_and_not_beside_it(folder):
    truth = json.loads((folder / "truth.json").read_text())
    file = folder.with_suffix(".yaml")
    recipe = read_recipe(file)
    # Read, so that a key that is newer than the organism has its default.
    assert Recipe.model_validate(truth["recipe"]) == recipe
    # Rungs of a ladder, rare plants and side effects of crude changes are as weak as they are.
    if recipe.truth is None or file.read_text().startswith("like:") or recipe.training.dilution < 1:
        return
    if isinstance(recipe.plant, Modified | Steering):
        return
    sign = -1 if recipe.truth.direction == "less" else 1
    rates = {where: sign * entry["mean"] for where, entry in truth["rates"].items()}
    assert rates["on_target_candidate"] - rates["on_target_base"] >= 0.3
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
