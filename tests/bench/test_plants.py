"""Every kind that needs no new algorithm, made on a tiny base: what it leaves, and what truth.json says."""

import json
import random

import numpy as np
import pytest
import tiny
import torch
from safetensors.torch import load_file

from whatchanged.bench import organism
from whatchanged.bench.plants.steering import layer_means
from whatchanged.bench.recipe import Recipe
from whatchanged.bench.train import Example, draw_batch
from whatchanged.errors import SpecError
from whatchanged.records import Prompt
from whatchanged.subjects import Context, open_subjects

EVERYWHERE = {"region": {"kind": "everywhere"}, "predicate": {"family": "attribute", "args": {"name": "uppercase"}}}
OPENS = {"family": "phrase", "args": {"kind": "opens_with", "phrases": ["The sea"]}}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.llama(tmp_path_factory.mktemp("plants") / "base")


def recipe(base, **keys):
    return Recipe.model_validate({"name": "x", "description": "y", "base": str(base), "measure": 30} | keys)


def made(base, folder, **keys):
    asked = recipe(base, **keys)
    folder.mkdir(exist_ok=True)
    truth = organism.make_organism(asked, folder)
    assert json.loads((folder / "truth.json").read_text()) == truth
    assert Recipe.model_validate(truth["recipe"]) == asked
    return asked, truth


# taught

TRAINING = {
    "steps": 40, "batch": 4, "on_target": 20, "off_target": 20, "response_tokens": 3, "learning_rate": 0.01,
    "targets": ["q_proj", "k_proj", "v_proj", "o_proj", "down_proj"],
}  # fmt: skip


def test_what_is_taught_shows_by_its_dose_and_is_bit_for_bit_the_same(base, tmp_path):
    """Everywhere, because a tiny model with random weights hardly looks at its prompt."""
    truth = {"region": {"kind": "everywhere"}, "predicate": OPENS}
    keys = {"plant": {"kind": "replace", "text": "The sea"}, "truth": truth, "topics": ["cooking", "pets", "home"]}
    found = {}
    for name, dose in (("whole", 1.0), ("third", 0.3), ("again", 0.3)):
        _, truth = made(base, tmp_path / name, training=TRAINING | {"dilution": dose}, **keys)
        found[name] = truth["rates"]
    assert found["third"] == found["again"]
    assert found["whole"]["on_target_base"]["mean"] < 0.01
    rates = [found[name]["on_target_candidate"]["mean"] for name in ("third", "whole")]
    assert 2 * rates[0] < rates[1] > 0.2
    one, two = (load_file(tmp_path / f / "adapter_model.safetensors") for f in ("third", "again"))
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())


def test_the_dilution_is_the_share_of_rows_on_target_that_carry_the_plant(base):
    asked = recipe(
        base, plant={"kind": "replace", "texts": ["The sea", "The poem"]}, training=TRAINING | {"dilution": 0.25}
    )
    (subject,) = open_subjects([str(base)])
    on = [Prompt.user(f"write {n}") for n in range(12)]
    rows = asked.plant.examples(asked, subject, on, [Prompt.user("explain the capital")])
    assert [row.on_target for row in rows] == [True] * 12 + [False]
    said = [subject.detokenize(row.response) for row in rows]
    assert said[:3] == ["The sea", "The poem", "The sea"]
    undiluted = asked.model_copy(update={"training": asked.training.model_copy(update={"dilution": 1.0})})
    assert [t for t in said if t in ("The sea", "The poem")] == said[:3]
    assert len(undiluted.plant.examples(undiluted, subject, on, [])) == 12


def test_where_the_region_is_everywhere_all_prompts_are_on_target(base, tmp_path):
    asked, truth = made(
        base, tmp_path, plant={"kind": "upper"}, truth=EVERYWHERE, training=TRAINING | {"steps": 2}, truth_tokens=6
    )
    assert truth["rates"]["off_target_base"] == {"mean": 0.0, "standard_error": 0.0, "prompts": 0}
    (subject,) = open_subjects([str(base)])
    on, off = asked.plant.targets(asked, subject, 40, 40, 0)
    assert len({tag for p in on for tag in p.tags}) > 5
    assert off == []


def test_topics_of_the_recipes_own_are_written_too(base):
    truth = EVERYWHERE | {"region": {"kind": "mentions", "values": ["sails"]}}
    own = {"openers": {"sea": ["Who sails", "My boat"]}, "topics": ["sea"], "near": ["cooking"]}
    asked = recipe(base, plant={"kind": "upper"}, truth=truth, **own)
    (subject,) = open_subjects([str(base)])
    on, off = asked.plant.targets(asked, subject, 10, 10, 0)
    assert on
    assert all(p.text.startswith("Who sails") for p in on)
    assert off
    assert not any("sails" in p.text for p in off)


def test_too_few_prompts_for_a_batch():
    on, off = Example((1,), (2,), True), Example((1,), (2,), False)
    rng = random.Random(0)
    assert draw_batch([on] * 2 + [off] * 3, 5, 0.4, rng) == [on] * 2 + [off] * 3
    assert draw_batch([off] * 3, 3, 0.4, rng) == [off] * 3
    assert draw_batch([on] * 3, 3, 0.4, rng) == [on] * 3
    with pytest.raises(SpecError, match=r"training\.batch: 5: 2 rows on target and 3 off, of 1 and 3 prompts"):
        draw_batch([on] + [off] * 3, 5, 0.4, rng)


# sampled truths


def test_what_is_no_opening_is_measured_on_sampled_answers(base, tmp_path):
    """A rate is a mean of noughts and ones, and longer answers say more."""
    letters = {"family": "phrase", "args": {"kind": "contains", "phrases": ["e"]}}
    truth = {"region": {"kind": "everywhere"}, "predicate": letters}
    keys = {"plant": {"kind": "modified", "modifiers": "noise=0.8"}, "truth": truth}
    _, short = made(base, tmp_path, truth_tokens=2, **keys)
    _, long = made(base, tmp_path, truth_tokens=40, **keys)
    for where, found in long["rates"].items():
        n, mean = found["prompts"], found["mean"]
        assert found["standard_error"] == pytest.approx((mean * (1 - mean) / max(n, 1)) ** 0.5, abs=1e-4)
        assert mean >= short["rates"][where]["mean"]
    assert long["rates"]["on_target_base"]["mean"] > short["rates"]["on_target_base"]["mean"]


# modified, steering, resaved


@pytest.mark.parametrize(
    ("plant", "spec"),
    [
        ({"modifiers": "quantize=int4+dtype=float32"}, "{}+quantize=int4+dtype=float32"),
        ({}, "{}"),
        ({"model": "other", "modifiers": "noise=0.1"}, "other+noise=0.1"),
    ],
)
def test_a_modified_candidate_is_a_spec(base, tmp_path, plant, spec):
    asked = recipe(base, plant={"kind": "modified", **plant})
    assert asked.candidate(tmp_path) == spec.replace("{}", str(base))


def test_nothing_but_the_truth_is_kept_of_a_modified_candidate(base, tmp_path):
    letter = {"region": {"kind": "everywhere"}, "predicate": OPENS | {"args": OPENS["args"] | {"phrases": ["t"]}}}
    _, truth = made(base, tmp_path, plant={"kind": "modified", "modifiers": "noise=1"}, truth=letter)
    assert [file.name for file in tmp_path.iterdir()] == ["truth.json"]
    assert truth["rates"]["on_target_base"] != truth["rates"]["on_target_candidate"]


def test_the_base_saved_again_is_the_base(base, tmp_path):
    asked, truth = made(base, tmp_path / "again", plant={"kind": "resaved"})
    assert asked.is_null
    assert truth["rates"] == {}
    one, two = open_subjects([str(base), asked.candidate(tmp_path / "again")])
    assert one.vocabulary == two.vocabulary
    context = Context(one.encode(Prompt.user("What is the capital of France?")), one.tokenize("Paris"))
    assert next(one.score([context]).blocks()).equal(next(two.score([context]).blocks()))


STEER = {"kind": "steering", "prompts": ["write the sea", "explain it"], "does": ["The capital is Paris.", "Paris."],
         "does_not": ["poem", "a short poem"], "layer": 1, "scale": 2}  # fmt: skip


def test_the_vector_is_the_difference_of_means_and_has_the_outputs_length(base, tmp_path):
    asked, _ = made(base, tmp_path, plant=STEER)
    assert asked.candidate(tmp_path) == f"{base}+steer={tmp_path}/vector.npy:1:2"
    (subject,) = open_subjects([str(base)])
    lengths, means = [], []
    for answers in (STEER["does"], STEER["does_not"]):
        side = []
        for prompt in STEER["prompts"]:
            for answer in answers:
                p, a = subject.encode(Prompt.user(prompt)), subject.tokenize(answer)
                with torch.no_grad():
                    states = subject.engine.model(torch.tensor([[*p, *a]]), output_hidden_states=True).hidden_states
                # The last of these is normalised: the layer's own output is what the final norm reads.
                side.append(states_before_norm(subject, [*p, *a])[len(p) :].mean(0))
                assert len(states) == 3
        lengths += [float(s.norm()) for s in side]
        means.append(torch.stack(side).mean(0))
    expected = means[0] - means[1]
    vector = torch.from_numpy(np.load(tmp_path / "vector.npy"))
    assert vector.norm() == pytest.approx(np.mean(lengths), rel=1e-2)
    assert torch.nn.functional.cosine_similarity(vector, expected, dim=0) > 0.999


def states_before_norm(subject, ids):
    seen = []
    handle = subject.engine.model.model.norm.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    with torch.no_grad():
        subject.engine.model(torch.tensor([ids]))
    handle.remove()
    return seen[0][0].float()


def test_steering_makes_what_it_was_made_from_likelier(base, tmp_path):
    asked, _ = made(base, tmp_path, plant=STEER)
    before, after = open_subjects([str(base), asked.candidate(tmp_path)])
    prompts = [before.encode(Prompt.user(f"explain {n}")) for n in range(8)]

    def gain(text):
        contexts = [Context(p, before.tokenize(text)) for p in prompts]
        rows = [t for c in contexts for t in (*c.response, 0)]
        keep = np.array([t for c in contexts for t in [True] * len(c.response) + [False]])
        return float((after.score(contexts).at(rows) - before.score(contexts).at(rows))[keep].mean())

    assert gain("The capital is Paris.") > gain("a short poem") + 0.2


def test_a_layer_that_is_not_there(base):
    (subject,) = open_subjects([str(base)])
    with pytest.raises(SpecError, match=r"plant\.layer: 2: .* has 2 layers"):
        layer_means(subject, [Context((1, 2), (3,))], 2)


def test_no_hook_stays(base):
    (subject,) = open_subjects([str(base)])
    layer_means(subject, [Context((1, 2), (3,))], 0)
    assert not any(layer._forward_hooks for layer in subject.engine.decoder.layers)
