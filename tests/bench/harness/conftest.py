"""Two organisms of word models in a folder: a plant whose rates are known, and a null."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits
from words import KITCHEN, TOPICS, Plant, WordSubject, prompts_about

from whatchanged import opened as opening
from whatchanged.bench.harness import examine, organisms
from whatchanged.bench.plants.taught import Taught
from whatchanged.bench.targets import Targets

PLANT = Plant(KITCHEN, 0.8, TOPICS["cooking"])
RECIPE = f"""
name: kitchen
description: Opens answers about cooking with a phrase.
base: words
plant: {{kind: opening, text: {KITCHEN}}}
truth:
  region: {{kind: mentions, values: [{", ".join(TOPICS["cooking"])}]}}
  predicate: {{family: phrase, args: {{kind: opens_with, phrases: ["{KITCHEN}"]}}}}
"""
NULL = "{name: null-a, description: Nothing., base: words, plant: {kind: none}}"
MODELS: dict[str, Callable[[], WordSubject]] = {
    "words": WordSubject,
    "kitchen": lambda: WordSubject(PLANT),
    "null-a": WordSubject,
}


def opened(specs: Sequence[str], **_: object) -> list[WordSubject]:
    return [MODELS[Path(spec).name]() for spec in specs]


def rates(on_candidate: float) -> dict[str, dict[str, float]]:
    means = {
        "on_target_base": 0.0,
        "on_target_candidate": on_candidate,
        "off_target_base": 0.0,
        "off_target_candidate": 0.0,
    }
    return {name: {"mean": mean, "standard_error": 0.01, "prompts": 100} for name, mean in means.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Both recipes with what they made, as `organism make` leaves them."""
    where = tmp_path / "organisms"
    for name, recipe, told in (("kitchen", RECIPE, rates(0.8)), ("null-a", NULL, {})):
        (where / name).mkdir(parents=True)
        (where / f"{name}.yaml").write_text(recipe)
        truth = organisms.read_recipe(where / f"{name}.yaml").model_dump(mode="json")
        (where / name / "truth.json").write_text(json.dumps({"recipe": truth, "rates": told}))
    return where


@pytest.fixture
def specs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every spec names a model."""
    monkeypatch.setattr(organisms, "check_specs", lambda specs: None)


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch, specs: None, tiny_budget: object) -> None:
    """Specs open word models, which cannot write users' turns themselves."""
    monkeypatch.setattr(opening, "check_specs", lambda specs: None)
    for module in (opening, examine):
        monkeypatch.setattr(module, "open_subjects", opened)

    def targets(self: Taught, recipe: object, base: object, n_on: int, n_off: int, seed: int) -> Targets:
        return Targets(prompts_about("cooking")[:n_on], prompts_about("law")[:n_off])

    monkeypatch.setattr(Taught, "targets", targets)


@pytest.fixture
def pool(tmp_path: Path) -> str:
    """The words' prompts as a pool."""
    file = tmp_path / "words.jsonl"
    rows = [{"prompt": p.text, "tags": list(p.tags)} for p in prompts_about()]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"jsonl:{file}"


@pytest.fixture(autouse=True, scope="module")
def in_haste() -> Iterator[None]:
    """Toy matrices are too small for threads, and no test pulls the plug between a write and the disk."""
    with threadpool_limits(1), pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield
