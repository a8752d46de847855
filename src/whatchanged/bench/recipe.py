"""What an organism is made of: a YAML file whose truth has the form of a hypothesis."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

import yaml
from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from whatchanged import registry
from whatchanged.bench.targets import Targets, by_topic
from whatchanged.errors import SpecError
from whatchanged.ledger import Progress
from whatchanged.pools.selfmade import load_openers
from whatchanged.predicates import load
from whatchanged.records import Direction, PredicateSpec, Record, Region
from whatchanged.subjects import Subject


class Plant(Record):
    """What a recipe changes in its base, and how: the contract of a kind of plant.

    A kind is a subclass in `whatchanged.registry.plants`, whose fields are the keys below `plant`; it narrows `kind`
    to the names under which it is registered. Reading a recipe loads no heavy library: import those in `make`.
    """

    kind: str

    @abstractmethod
    def make(self, recipe: "Recipe", out: Path, progress: Progress, beside: Path) -> None:
        """Write what makes the candidate into the folder `out`, from the seed alone.

        `beside` is the folder of other recipes. Raises SpecError, CheckpointError or MissingExtra.
        """

    def candidate(self, recipe: "Recipe", out: Path) -> str:
        """The model spec of the candidate that `make` has left in `out`."""
        return str(out)

    def targets(self, recipe: "Recipe", base: Subject, n_on: int, n_off: int, seed: int) -> Targets:
        """Up to so many fresh prompts on and off target; the same for the same seed."""
        region = recipe.truth.region if recipe.truth else None
        return by_topic(base, region, recipe.starts, recipe.topics, recipe.near, n_on, n_off, seed)

    def truths(self, recipe: "Recipe", beside: Path) -> dict[str, "Planted"]:
        """All that is planted, by name: the recipe's own truth, and more where a kind plants more."""
        return {} if recipe.truth is None else {recipe.name: Planted(recipe.truth, intended=False)}

    def measured(self, recipe: "Recipe", base: Subject, made: Subject, beside: Path) -> dict[str, Any]:
        """What truth.json tells beside the rates, for this kind alone."""
        return {}


def _of_its_kind(given: Any) -> Plant:
    """The registered kind's own Record."""
    if isinstance(given, Plant):
        return given
    if not isinstance(given, Mapping) or not isinstance(kind := given.get("kind"), str):
        raise PydanticCustomError("plant_kind", "name the kind of plant")
    try:
        found: type[Plant] = registry.plants[kind]
    except SpecError as error:
        raise PydanticCustomError("plant_kind", "{error}", {"error": str(error)}) from None
    return found.model_validate(given)


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
    dilution: float = Field(1.0, gt=0, le=1, description="Share of the on-target prompts that carry the plant.")


class Truth(Record):
    """The planted change, executable."""

    region: Region
    predicate: PredicateSpec
    direction: Direction = "more"


class Planted(NamedTuple):
    """A truth, and whether the change counts as wanted."""

    truth: Truth
    intended: bool


class Recipe(Record):
    """One organism. `topics` are where on-target prompts are written, `near` its hard negatives."""

    name: str
    description: str
    base: str = Field("smollm2", description="A model spec, or the folder of one from where the recipe lies.")
    seed: int = 0
    topics: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    openers: dict[str, tuple[str, ...]] = Field({}, description="Topics of its own: the first words of their prompts.")
    tags: tuple[str, ...] = Field((), description="What a pool would tag its on-target prompts with, beside the topic.")
    plant: Annotated[SerializeAsAny[Plant], BeforeValidator(_of_its_kind)]
    training: Training = Training()
    truth: Truth | None = None
    measure: int = Field(100, description="Fresh prompts on and off target on which rates are measured.")
    truth_tokens: int = Field(48, description="Tokens of an answer on which a truth that is no opening is measured.")
    expects: Literal["change", "none"] | None = Field(
        None, description="Whether behaviour changes; needed only where it does and no truth says how."
    )

    @model_validator(mode="after")
    def _truth_is_a_change(self) -> Self:
        if self.truth is not None and self.expects == "none":
            raise ValueError("expects: none, but there is a truth: leave out one of them")
        return self

    @property
    def starts(self) -> dict[str, Sequence[str]]:
        """Topic to the first words of its prompts: the built-in topics and the recipe's own."""
        return {**load_openers(), **self.openers}

    @property
    def is_null(self) -> bool:
        """Whether whatever is confirmed of this organism is a false discovery (or a side effect of tuning)."""
        return self.truth is None and self.expects != "change"

    def beside(self, folder: Path) -> Self:
        """The same, with the path to its base where that is in the folder in which recipes lie."""
        there = folder / self.base
        return self.model_copy(update={"base": str(there)}) if there.is_dir() else self

    def candidate(self, out: Path) -> str:
        """The model spec of the organism that was made in the folder `out`."""
        return self.plant.candidate(self, out)


def read_recipe(file: Path) -> Recipe:
    """Raises SpecError with one line naming the field."""
    try:
        recipe = Recipe.model_validate(_read(file))
    except OSError as error:
        raise SpecError(f"recipe '{file}': {error.strerror}") from None
    except UnicodeDecodeError:
        raise SpecError(f"recipe '{file}': not UTF-8 text") from None
    except yaml.YAMLError as error:
        raise SpecError(f"recipe '{file}': {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise SpecError(f"recipe '{file}': {_where(first)}: {first['msg']}") from None
    if unknown := [topic for topic in (*recipe.topics, *recipe.near) if topic not in recipe.starts]:
        raise SpecError(f"recipe '{file}': unknown topic '{unknown[0]}': one of {', '.join(recipe.starts)}")
    if recipe.truth is not None:
        load(recipe.truth.predicate)
    return recipe


def _read(file: Path) -> Any:
    """The file's content; where it is `like` another recipe beside it, that one's with its own keys on top."""
    found = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or "like" not in found:
        return found
    other = file.parent / f"{found.pop('like')}.yaml"
    if not other.is_file():
        raise SpecError(f"recipe '{file}': like: no recipe '{other}'")
    whole = yaml.safe_load(other.read_text(encoding="utf-8"))
    if not isinstance(whole, dict) or "like" in whole:
        raise SpecError(f"recipe '{file}': like: '{other}' must be a recipe that is like no other")
    for key, value in found.items():
        both = isinstance(value, dict) and isinstance(whole.get(key), dict)
        whole[key] = {**whole[key], **value} if both else value
    return whole


def _where(error: Any) -> str:
    """The field's path as the file has it."""
    path = [str(part) for part in error["loc"]]
    return ".".join([*path, "kind"] if error["type"] == "plant_kind" else path)
