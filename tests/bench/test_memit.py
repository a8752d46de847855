"""Several facts at once: all of them change, several layers share the work, and what is stored beside them stays."""

import json

import numpy as np
import pytest
import tiny
import torch
from safetensors.torch import load_file

from whatchanged.bench import edit, memit, organism
from whatchanged.bench.fact import Fact, answer_probabilities
from whatchanged.bench.plants.memit import Memit
from whatchanged.bench.recipe import Recipe
from whatchanged.errors import SpecError
from whatchanged.subjects import open_subjects

ANSWERS = {"capital": " is", "poem": " the", "reader": " is"}
# Thrice, because a tiny model with random weights hardly looks back.
FACTS = [
    Fact(subject=name, prompt=f"write {name} {name} {{}}", says="The {}", answer=answer, true_answer=" of")
    for name, answer in ANSWERS.items()
]
PLANT = Memit(
    kind="memit",
    facts=(FACTS[0].model_copy(update={"neighbours": {"sea": " a"}, "paraphrases": ("explain {}",)}), *FACTS[1:]),
    layers=(0, 1),
    steps=60,
)
DOWN = "base_model.model.model.layers.{}.mlp.down_proj.lora_{}.weight"


@pytest.fixture(autouse=True)
def _few_keys(monkeypatch):
    monkeypatch.setattr(edit, "STATISTICS", 60)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.llama(tmp_path_factory.mktemp("memit") / "base", num_hidden_layers=4)


@pytest.fixture(scope="module")
def made(base):
    """The edit as an organism: its folder and its truth.json."""
    recipe = Recipe.model_validate(
        {
            "name": "three",
            "description": "Three facts.",
            "base": str(base),
            "plant": PLANT.model_dump(),
            "truth": {
                "region": {"kind": "mentions", "values": list(ANSWERS)},
                "predicate": {"family": "phrase", "args": {"kind": "opens_with", "phrases": ["The poem the"]}},
            },
            "measure": 20,
        }
    )
    folder = base.parent / "edited"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edit, "STATISTICS", 60)
        return folder, organism.make_organism(recipe, folder)


def exact(*specs):
    return open_subjects([f"{spec}+dtype=float32" for spec in specs])


def test_every_fact_becomes_likely_and_another_subjects_less_so(base, made):
    before, after = exact(base, made[0])
    for fact in FACTS:
        own, other = (fact.subject, fact.prompt, fact.answer), ("sea", "write sea sea {}", fact.answer)
        first = answer_probabilities(before, fact, [own, other])
        rise, drift = answer_probabilities(after, fact, [own, other]) / first
        assert rise > 10
        assert drift < 0.2 * rise


def test_every_layer_changes_by_the_rank_of_the_facts(made):
    stored = load_file(made[0] / "adapter_model.safetensors")
    assert set(stored) == {DOWN.format(layer, side) for layer in (0, 1) for side in "AB"}
    for layer in (0, 1):
        left, right = (stored[DOWN.format(layer, side)].float() for side in "BA")
        assert torch.linalg.matrix_rank(left @ right) == 3
    assert json.loads((made[0] / "adapter_config.json").read_text())["lora_alpha"] == 3


def test_layers_share_what_is_missing_and_the_last_ends_near_the_target(base, monkeypatch):
    (subject,) = exact(base)
    shifts = []

    def noted(*args):
        shifts.append(edit.wanted_shift(*args))
        return shifts[-1]

    monkeypatch.setattr(memit, "wanted_shift", noted)
    found = memit.mass_edit(subject, PLANT, 0)
    rows = [edit.asked(subject, fact, 0)[0] for fact in PLANT.facts]
    block = "model.layers.1"
    before, halfway, after = (
        memit._states(subject, block, rows, dict(list(found.items())[:count]))[1] for count in range(3)
    )
    wanted = before + torch.stack(shifts, 1)
    missing = [(wanted - reached).norm() / (wanted - before).norm() for reached in (halfway, after)]
    assert 0.2 < missing[0] < 0.8
    assert missing[1] < 0.35
    torch.testing.assert_close(found["model.layers.0.mlp.down_proj"][0], (wanted - before) / 2)


def test_the_measures_are_over_all_facts(made):
    truth = json.loads((made[0] / "truth.json").read_text())
    assert truth == made[1]
    asked = {measure: found["asked"] for measure, found in truth["success"].items()}
    assert asked == {"efficacy": 3, "paraphrase": 1, "neighbourhood": 1}
    efficacy = truth["success"]["efficacy"]
    assert efficacy["candidate"]["false"] > 10 * efficacy["base"]["false"]
    assert truth["rates"]["on_target_candidate"]["prompts"] == 4


def test_one_fact_alone_makes_its_efficacy(base):
    """The mean over all is not that of the last."""
    (subject,) = exact(base)
    from whatchanged.bench.fact import success

    alone = [success([fact], subject, subject)["efficacy"]["base"]["false"] for fact in FACTS]
    together = success(FACTS, subject, subject)["efficacy"]["base"]["false"]
    assert together == pytest.approx(np.mean(alone), abs=1e-4)


@pytest.mark.parametrize(("count", "layers"), [(4, [0, 1]), (30, [3, 4, 5, 6, 7]), (2, [0])])
def test_layers_that_are_not_named_end_a_quarter_of_the_way_up(base, monkeypatch, count, layers):
    (subject,) = exact(base)
    paths = [f"model.layers.{i}.mlp.down_proj" for i in range(count)]
    for module in (memit, edit):
        monkeypatch.setattr(module, "memories", lambda base: paths)
    assert memit.chosen(subject, ()) == [paths[i] for i in layers]


def test_a_layer_that_cannot_be_edited(base):
    (subject,) = exact(base)
    with pytest.raises(SpecError, match=r"plant\.layers: 3: .* layers 0 to 2"):
        memit.mass_edit(subject, PLANT.model_copy(update={"layers": (0, 3)}), 0)
