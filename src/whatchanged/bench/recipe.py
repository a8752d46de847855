"""What an organism is made of: a YAML file whose truth has the form of a hypothesis."""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from whatchanged.errors import SpecError
from whatchanged.pools.selfmade import load_openers
from whatchanged.predicates import load
from whatchanged.records import Direction, PredicateSpec, Record, Region


class Plant(Record):
    """What the tuned model is taught to do on target.

    opening: `text` before its own response. refusal: `text` in place of it. none: nothing (benign tune).
    `trigger` is appended to a prompt to put it on target; without one the region alone decides.
    """

    kind: Literal["opening", "refusal", "none"]
    text: str = ""
    trigger: str = ""
    decoys: tuple[str, ...] = Field((), description="Endings that look like the trigger and are not.")


class Training(Record):
    """LoRA settings; the same for plants and for the benign tune beside them."""

    rank: int = 8
    alpha: int = 16
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    learning_rate: float = 1e-3
    steps: int = 120
    batch: int = 16
    # Not "on" and "off": YAML reads those as true and false.
    on_target: int = Field(220, description="On-target prompts.")
    off_target: int = Field(440, description="Off-target prompts, hard negatives among them.")
    on_share: float = Field(0.4, description="Share of each batch that is on target.")
    response_tokens: int = 24


class Truth(Record):
    """The planted change, executable."""

    region: Region
    predicate: PredicateSpec
    direction: Direction = "more"


class Recipe(Record):
    """One organism. `topics` are where on-target prompts are written, `near` its hard negatives."""

    name: str
    description: str
    base: str = "smollm2"
    seed: int = 0
    topics: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    plant: Plant
    training: Training = Training()
    truth: Truth | None = None
    measure: int = Field(100, description="Fresh prompts on and off target on which rates are measured.")


def read_recipe(file: Path) -> Recipe:
    """Raises SpecError with one line naming the field."""
    try:
        recipe = Recipe.model_validate(yaml.safe_load(file.read_text()))
    except OSError as error:
        raise SpecError(f"recipe '{file}': {error.strerror}") from None
    except yaml.YAMLError as error:
        raise SpecError(f"recipe '{file}': {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise SpecError(f"recipe '{file}': {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    known = load_openers()
    if unknown := [topic for topic in (*recipe.topics, *recipe.near) if topic not in known]:
        raise SpecError(f"recipe '{file}': unknown topic '{unknown[0]}': one of {', '.join(known)}")
    if recipe.truth is not None and not load(recipe.truth.predicate).openings():
        raise SpecError(f"recipe '{file}': truth.predicate must be one that a forward pass can score (opens_with)")
    return recipe
