"""Recipes: read through the registry of plants, like one another, null or not."""

import pytest
import yaml

from whatchanged import registry
from whatchanged.bench.plants.tune import Tune
from whatchanged.bench.recipe import Recipe, read_recipe
from whatchanged.errors import SpecError

KINDS = ", ".join(sorted(registry.plants))
TRUTH = {
    "region": {"kind": "mentions", "values": ["sea"]},
    "predicate": {"family": "attribute", "args": {"name": "uppercase"}},
}
WHOLE = {
    "name": "one",
    "description": "Shouts.",
    "plant": {"kind": "upper", "trigger": "Thanks!"},
    "training": {"steps": 80, "rank": 2},
    "truth": TRUTH,
}


def written(folder, keys, stem="one"):
    file = folder / f"{stem}.yaml"
    file.write_text(yaml.safe_dump(keys))
    return file


def test_a_recipe_like_another_has_its_keys_and_its_own_on_top(tmp_path):
    written(tmp_path, WHOLE)
    more = {"name": "one-3", "training": {"dilution": 0.03}, "plant": {"place": "any"}}
    file = written(tmp_path, {"like": "one"} | more, "one-3")
    one, other = read_recipe(tmp_path / "one.yaml"), read_recipe(file)
    assert (other.name, other.training.dilution, other.plant.place) == ("one-3", 0.03, "any")
    changes = {
        "name": "one-3",
        "training": one.training.model_copy(update={"dilution": 0.03}),
        "plant": one.plant.model_copy(update={"place": "any"}),
    }
    assert other == one.model_copy(update=changes)


def test_what_a_recipe_is_like_must_stand_alone_and_be_there(tmp_path):
    file = written(tmp_path, {"like": "two", "name": "two"}, "two")
    with pytest.raises(SpecError, match=r"two\.yaml': like: .* must be a recipe that is like no other"):
        read_recipe(file)
    with pytest.raises(SpecError, match=r"three\.yaml': like: no recipe '.*absent\.yaml'"):
        read_recipe(written(tmp_path, {"like": "absent"}, "three"))


def test_a_recipe_survives_json_with_the_keys_of_its_kind():
    recipe = Recipe.model_validate(WHOLE)
    assert isinstance(recipe.plant, Tune)
    dumped = recipe.model_dump(mode="json")
    assert dumped["plant"]["trigger"] == "Thanks!"
    assert Recipe.model_validate(dumped) == recipe
    assert Recipe.model_validate(dumped | {"plant": recipe.plant}) == recipe


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"plant": {"kind": "nope"}}, rf"plant\.kind: unknown plant 'nope': one of {KINDS}"),
        ({"plant": {"text": "x"}}, r"plant\.kind: name the kind of plant"),
        ({"plant": "opening"}, r"plant\.kind: name the kind of plant"),
        ({"plant": {"kind": "ending"}}, "plant: .*ending needs a text"),
        ({"plant": {"kind": "upper", "tigger": "x"}}, r"plant\.tigger: "),
        ({"training": {"dilution": 0}}, r"training\.dilution: "),
        ({"topics": ["sea"]}, "unknown topic 'sea'"),
        ({"expects": "none"}, "expects: none, but there is a truth"),
        ({"truth": TRUTH | {"predicate": {"family": "attribute", "args": {"name": "loud"}}}}, "predicate attribute: "),
    ],
)  # fmt: skip
def test_a_bad_recipe_is_one_line_that_names_the_field(tmp_path, change, says):
    with pytest.raises(SpecError, match=says) as caught:
        read_recipe(written(tmp_path, WHOLE | change))
    assert "\n" not in str(caught.value)


def test_topics_of_its_own(tmp_path):
    own = {"sea": ["How deep is the sea", "Who sails"]}
    recipe = read_recipe(written(tmp_path, WHOLE | {"topics": ["sea"], "near": ["cooking"], "openers": own}))
    assert recipe.starts["sea"] == ("How deep is the sea", "Who sails")
    assert "cooking" in recipe.starts


@pytest.mark.parametrize(
    ("keys", "null"),
    [({}, False), ({"truth": None}, True), ({"truth": None, "expects": "change"}, False)],
)
def test_what_expects_no_change_is_a_null(tmp_path, keys, null):
    recipe = Recipe.model_validate(WHOLE | keys)
    assert recipe.is_null == null
    planted = recipe.plant.truths(recipe, tmp_path)
    assert {name: p.intended for name, p in planted.items()} == ({} if recipe.truth is None else {"one": False})
