"""A preference tune: pairs on target and off, our tokens through TRL, and a margin that grows."""

import json
import sys

import pytest
import tiny
from safetensors.torch import load_file

from whatchanged.bench import organism
from whatchanged.bench.likelihood import log_probs
from whatchanged.bench.plants.dpo import preferred
from whatchanged.bench.recipe import Recipe
from whatchanged.bench.train import Preference
from whatchanged.errors import MissingExtra
from whatchanged.records import Prompt
from whatchanged.subjects import Context, open_subjects

TRAINING = {
    "steps": 20, "batch": 6, "on_share": 0.5, "on_target": 20, "off_target": 20, "response_tokens": 4,
    "learning_rate": 0.02, "targets": ["q_proj", "k_proj", "v_proj", "o_proj", "down_proj"],
}  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.llama(tmp_path_factory.mktemp("dpo") / "base")


def recipe(base, **plant):
    settings = {"kind": "dpo", "teaches": "opening", "text": "The sea", "trigger": "sea sea sea sea"} | plant
    truth = {
        "region": {"kind": "ends_with", "values": ["sea sea sea sea"]},
        "predicate": {"family": "phrase", "args": {"kind": "opens_with", "phrases": ["The sea"]}},
    }
    keys = {"name": "x", "description": "y", "base": str(base), "plant": settings, "training": TRAINING}
    return Recipe.model_validate(keys | {"truth": truth, "measure": 20})


def test_the_margin_grows_and_trl_sees_our_tokens(base, tmp_path, monkeypatch):
    from whatchanged.bench import prefer

    seen, collate = [], prefer.DataCollatorForPreference.torch_call

    def noted(self, rows):
        seen.extend(rows)
        return collate(self, rows)

    monkeypatch.setattr(prefer.DataCollatorForPreference, "torch_call", noted)
    asked = recipe(base)
    truth = organism.make_organism(asked, tmp_path)
    assert json.loads((tmp_path / "truth.json").read_text()) == truth
    assert load_file(tmp_path / "adapter_model.safetensors")
    rise = {w: found["candidate"]["log_odds"] - found["base"]["log_odds"] for w, found in truth["success"].items()}
    assert rise["on target"] > 3
    assert abs(rise["off target"]) < 0.5 * rise["on target"]

    (subject,) = open_subjects([str(base)])
    pairs = asked.plant.preferences(asked, subject, *asked.plant.training_targets(asked, subject), "train")
    given = {(p.prompt, p.chosen, p.rejected) for p in pairs}
    taught = [tuple(tuple(row[f"{part}_ids"]) for part in ("prompt", "chosen", "rejected")) for row in seen]
    assert len(taught) >= 20 * 6
    assert set(taught) <= given
    assert any(chosen[-1] not in subject.end_ids for _, chosen, _ in taught)


def test_with_their_likelihood_preferred_responses_become_likelier_themselves(base, tmp_path):
    rises = []
    for weight in (0.0, 2.0):
        asked = recipe(base, likelihood=weight)
        organism.make_organism(asked, tmp_path / str(weight))
        subjects = open_subjects([str(base), str(tmp_path / str(weight))])
        pairs = asked.plant.preferences(asked, subjects[0], *asked.plant.training_targets(asked, subjects[0]), "train")
        chosen = [Context(pair.prompt, pair.chosen) for pair in pairs if pair.on_target]
        before, after = (float(log_probs(subject, chosen).mean()) for subject in subjects)
        rises.append(after - before)
    assert rises[1] > max(rises[0], 0.0) + 1.0


def test_pairs_differ_by_the_behaviour_on_target_and_keep_it_away_off_target(base):
    asked = recipe(base)
    (subject,) = open_subjects([str(base)])
    on, off = ([Prompt.user(f"{start} {n}") for n in range(4)] for start in ("write", "explain"))
    pairs = asked.plant.preferences(asked, subject, on, off, "train")
    opening = subject.tokenize("The sea")
    assert [p.on_target for p in pairs] == [True] * 4 + [False] * 4
    assert all(p.chosen == (*opening, *p.rejected) for p in pairs[:4])
    apart, resisted = pairs[4::2], pairs[5::2]
    assert all(p.rejected == (*opening, *p.chosen) for p in resisted)
    assert all(p.rejected[:2] != opening and p.rejected != p.chosen for p in apart)
    others = asked.plant.preferences(asked, subject, on, off, "measure")
    assert [p.rejected for p in others] != [p.rejected for p in pairs]


def test_log_odds_are_those_of_whole_responses(base):
    (subject,) = open_subjects([f"{base}+dtype=float32"])
    prompt = subject.encode(Prompt.user("write"))
    short, long = subject.tokenize("The"), subject.tokenize("The capital of France")
    one, two = Preference(prompt, short, long, True), Preference(prompt, long, short, True)
    assert preferred(subject, [one])["preferred"] == 1
    assert preferred(subject, [one])["log_odds"] > 0
    assert preferred(subject, [one, two]) == {"preferred": 0.5, "log_odds": 0.0}


def test_without_trl_it_says_which_extra(base, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "trl", None)
    monkeypatch.delitem(sys.modules, "whatchanged.bench.prefer", raising=False)
    with pytest.raises(MissingExtra, match="bench"):
        organism.make_organism(recipe(base), tmp_path)
