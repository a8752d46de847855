"""Recipes in a folder to organisms that can be audited: a plant counts only with rates that were measured."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from whatchanged.bench.harness.rows import Kind
from whatchanged.bench.plants.merge import INTENDED
from whatchanged.bench.recipe import Recipe, Truth, read_recipe
from whatchanged.errors import SpecError, UsageError
from whatchanged.subjects import check_specs
from whatchanged.subjects.digest import file_digest


@dataclass(frozen=True)
class Planted:
    """One planted behaviour. `recipe` is whose prompts bring it out; `rise` its rate on target, candidate - base."""

    name: str
    recipe: Recipe
    truth: Truth
    rise: float
    intended: bool = False


@dataclass(frozen=True)
class Organism:
    """A candidate with what is planted in it. `intended` is a file for --intended."""

    name: str
    kind: Kind
    base: str
    candidate: str
    behaviours: tuple[Planted, ...]
    intended: Path | None
    digest: str


class Found(NamedTuple):
    """Organisms to audit, and a line for each that was left out."""

    organisms: list[Organism]
    missing: list[str]


def read_organisms(folder: Path, names: Sequence[str] = ()) -> Found:
    """Those in the folder (or those named) that are made and, where something is planted, measured.

    Raises UsageError for a folder without recipes, an unknown name, and where none is left; SpecError for a recipe
    that cannot be read.
    """
    recipes = {file.stem: file for file in sorted(folder.glob("*.yaml"))}
    if not recipes:
        raise UsageError(f"no recipes (*.yaml) in '{folder}': name another --folder")
    if unknown := [name for name in names if name not in recipes]:
        raise UsageError(f"unknown organism '{unknown[0]}' in '{folder}': one of {', '.join(recipes)}")
    organisms, missing = [], []
    for name in names or recipes:
        try:
            organisms.append(_organism(recipes[name]))
        except _NotReady as reason:
            missing.append(f"{name}: {reason}")
    if not organisms:
        raise UsageError(f"no organism in '{folder}' can be audited: {'; '.join(missing)}")
    return Found(organisms, missing)


class _NotReady(Exception):
    """Why an organism is left out."""


def _organism(file: Path) -> Organism:
    recipe, folder = read_recipe(file).beside(file.parent), file.with_suffix("")
    candidate = recipe.candidate(folder)
    try:
        check_specs([recipe.base, candidate])
    except UsageError:
        raise _NotReady(f"not made yet, run 'whatchanged organism make {file}'") from None
    intended = folder / INTENDED
    behaviours = tuple(_behaviours(recipe, folder))
    return Organism(
        name=file.stem,
        kind="plant" if behaviours else "null" if recipe.is_null else "change",
        base=recipe.base,
        candidate=candidate,
        behaviours=behaviours,
        intended=intended if intended.is_file() else None,
        digest=_digest(file, folder),
    )


def _behaviours(recipe: Recipe, folder: Path) -> list[Planted]:
    try:
        truths = recipe.plant.truths(recipe, folder.parent)
    except SpecError as error:
        raise _NotReady(str(error)) from None
    told = _truth_file(folder) if truths else {}
    measured = told.get("recipe", {}).get("truth")
    if truths and measured is not None and Truth.model_validate(measured) != recipe.truth:
        raise _NotReady("its truth.json was measured for another truth, make it again")
    found = []
    for name, (truth, intended) in truths.items():
        own = truth == recipe.truth
        rates = told.get("rates") if own else told.get("intended" if intended else "other", {}).get(name)
        if not rates:
            raise _NotReady(f"no measured rates of '{name}' in its truth.json, make it again")
        rise = rates["on_target_candidate"]["mean"] - rates["on_target_base"]["mean"]
        asked = recipe if own else read_recipe(folder.with_name(f"{name}.yaml"))
        found.append(Planted(name, asked, truth, round(rise, 4), intended))
    return found


def _truth_file(folder: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise _NotReady("its rates were not measured: no truth.json, make it again") from None
    return told


def _digest(file: Path, folder: Path) -> str:
    """Changes with the recipe and with every file of the organism."""
    files = [file, *sorted(f for f in folder.rglob("*") if f.is_file())]
    return hashlib.sha256("\n".join(f"{f.name}:{file_digest(f)}" for f in files).encode()).hexdigest()[:16]
