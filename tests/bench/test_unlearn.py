"""Unlearning as an organism: the base's own answers are forgotten on target, by TOFU's measures."""

import json

import numpy as np
import pytest
import tiny
from safetensors.torch import load_file

from whatchanged.bench import organism
from whatchanged.bench.forget import questions, unlearned
from whatchanged.bench.likelihood import log_probs
from whatchanged.bench.plants import unlearn
from whatchanged.bench.recipe import Recipe
from whatchanged.errors import SpecError
from whatchanged.records import Prompt
from whatchanged.subjects import Context, open_subjects

TRAINING = {
    "steps": 60, "batch": 8, "on_share": 0.25, "on_target": 30, "off_target": 30, "response_tokens": 1,
    "learning_rate": 0.01, "targets": ["q_proj", "k_proj", "v_proj", "o_proj", "down_proj"],
}  # fmt: skip
TRUTH = {
    "region": {"kind": "ends_with", "values": ["sea sea"]},
    "predicate": {"family": "phrase", "args": {"kind": "contains", "phrases": ["e"]}},
    "direction": "less",
}


def recipe(base, **plant):
    settings = {"kind": "unlearn", "method": "npo", "trigger": "sea sea"} | plant
    keys = {"name": "x", "description": "y", "base": str(base), "plant": settings, "training": TRAINING}
    return Recipe.model_validate(keys | {"truth": TRUTH, "measure": 20, "truth_tokens": 6})


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Without a template, so that an answer follows on the trigger: the tiny model hardly looks further back."""
    return tiny.llama(tmp_path_factory.mktemp("unlearn") / "base", words=tiny.tokenizer(template=None))


@pytest.fixture
def in_float32(monkeypatch):
    """Training in bfloat16 ends elsewhere on each kind of processor: the forgotten at 0.1 to 0.35."""
    monkeypatch.setattr(unlearn, "open_subjects", lambda specs: open_subjects([f"{s}+dtype=float32" for s in specs]))


@pytest.mark.parametrize("method", ["npo", "gradient-difference"])
def test_the_forgotten_falls_more_than_the_retained(base, tmp_path, in_float32, method):
    truth = organism.make_organism(recipe(base, method=method), tmp_path)
    assert json.loads((tmp_path / "truth.json").read_text()) == truth
    assert load_file(tmp_path / "adapter_model.safetensors")
    kept = {part: f["candidate"]["probability"] / f["base"]["probability"] for part, f in truth["success"].items()}
    assert kept["forget"] < 0.2
    assert kept["forget"] < 0.6 * kept["retain"]
    ratios = {part: f["candidate"]["truth_ratio"] / f["base"]["truth_ratio"] for part, f in truth["success"].items()}
    assert ratios["forget"] > 4 * ratios["retain"]


def test_the_measures_are_per_token_and_against_other_prompts_answers(base):
    (subject,) = open_subjects([f"{base}+dtype=float32"])
    prompts = [Prompt.user(f"write {word}") for word in ("sea", "poem", "capital")]
    asked = questions(recipe(base), subject, prompts)
    said = [c.response for c in asked.answers]
    assert [[c.response for c in some] for some in asked.wrong] == [[*said[1:], said[0]], [said[2], *said[:2]]]
    assert [c.prompt for c in asked.wrong[0]] == [c.prompt for c in asked.answers]
    assert [c.response for c in asked.paraphrases] != said
    found = unlearned(subject, asked)

    def mean(contexts):
        return np.array([np.exp(log_probs(subject, [c])[0] / len(c.response)) for c in contexts])

    assert found["probability"] == pytest.approx(mean(asked.answers).mean(), abs=1e-4)
    ratio = (mean(asked.wrong[0]) + mean(asked.wrong[1])) / 2 / mean(asked.paraphrases)
    assert found["truth_ratio"] == pytest.approx(ratio.mean(), rel=1e-3)


def test_log_probs_are_those_of_the_response_from_its_start(base):
    (subject,) = open_subjects([f"{base}+dtype=float32"])
    prompt, response = subject.encode(Prompt.user("write")), subject.tokenize("The capital of France")
    whole, tail, empty = log_probs(subject, [Context(prompt, response, start) for start in (0, 2, len(response))])
    (head,) = log_probs(subject, [Context(prompt, response[:2])])
    assert empty == 0
    assert whole == pytest.approx(head + tail, rel=1e-4)
    assert whole < tail < 0


@pytest.mark.parametrize(("training", "truth"), [({"on_share": 0.01}, {}), ({}, {"region": {"kind": "everywhere"}})])
def test_nothing_to_forget_or_to_retain(base, tmp_path, training, truth):
    asked = recipe(base, trigger="" if truth else "sea sea")
    keys = asked.model_dump()
    keys["training"] |= training
    keys["truth"] |= truth
    with pytest.raises(SpecError, match=r"training\.on_share: .* to forget and to retain"):
        organism.make_organism(Recipe.model_validate(keys), tmp_path)
