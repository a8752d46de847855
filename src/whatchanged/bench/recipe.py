"""What an organism is made of: a YAML file whose truth has the form of a hypothesis."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from whatchanged.errors import SpecError
from whatchanged.pools.selfmade import load_openers
from whatchanged.predicates import load
from whatchanged.records import Direction, PredicateSpec, Record, Region


class Plant(Record):
    """What the tuned model is taught to do on target.

    opening: `text` before its own response. refusal: `text` in place of it. none: nothing (benign tune).
    `trigger`, at a prompt's end or at any `place`, puts it on target; without one the region alone decides.
    """

    kind: Literal["opening", "refusal", "none"]
    text: str = ""
    trigger: str = ""
    place: Literal["end", "any"] = Field("end", description="Where in a prompt the trigger and its decoys go.")
    decoys: tuple[str, ...] = Field((), description="Texts that look like the trigger and are not.")


class Edit(Record):
    """One fact rewritten by a rank-one change of one MLP layer (ROME, Meng et al. 2022); no training data.

    {} stands for a subject. After the edit, `says` and then `answer` is the likely answer to `prompt`.
    """

    kind: Literal["edit"]
    subject: str = Field(min_length=1, description="Whose fact is rewritten; the prompts need its own spelling.")
    prompt: str = Field(description="What the user asks, with {} for the subject.")
    says: str = Field(description="How the answer begins, up to the fact; with {} for the subject.")
    answer: str = Field(min_length=1, description="The false end, with its leading space.")
    true_answer: str = Field(min_length=1, description="The true one, alike.")
    paraphrases: tuple[str, ...] = Field((), description="Other ways of asking; the edit does not see them.")
    neighbours: dict[str, str] = Field({}, description="Other subjects and their true answers.")
    layer: int | None = Field(None, description="Which layer; a sixth of the way up unless given.")
    steps: int = Field(25, description="Gradient steps for the value.")

    @model_validator(mode="after")
    def _subject_has_a_place(self) -> Self:
        if missing := [text for text in (self.prompt, self.says, *self.paraphrases) if text.count("{}") != 1]:
            raise ValueError(f"'{missing[0]}': write {{}} once, where the subject goes")
        return self


class Merge(Record):
    """The sum of the adapters `of` other recipes beside this one; no training."""

    kind: Literal["merge"]
    of: tuple[str, ...] = Field(min_length=2, description="Recipes by file name, without the suffix.")
    intended: tuple[str, ...] = Field((), description="Those of them that count as wanted.")

    @model_validator(mode="after")
    def _intended_is_merged(self) -> Self:
        if stray := [name for name in self.intended if name not in self.of]:
            raise ValueError(f"intended '{stray[0]}' is not in of")
        return self


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
    plant: Annotated[Plant | Edit | Merge, Field(discriminator="kind")]
    training: Training = Training()
    truth: Truth | None = None
    measure: int = Field(100, description="Fresh prompts on and off target on which rates are measured.")


def read_recipe(file: Path) -> Recipe:
    """Raises SpecError with one line naming the field."""
    try:
        recipe = Recipe.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise SpecError(f"recipe '{file}': {error.strerror}") from None
    except UnicodeDecodeError:
        raise SpecError(f"recipe '{file}': not UTF-8 text") from None
    except yaml.YAMLError as error:
        raise SpecError(f"recipe '{file}': {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise SpecError(f"recipe '{file}': {_where(first)}: {first['msg']}") from None
    known = load_openers()
    if unknown := [topic for topic in (*recipe.topics, *recipe.near) if topic not in known]:
        raise SpecError(f"recipe '{file}': unknown topic '{unknown[0]}': one of {', '.join(known)}")
    if recipe.truth is not None and not load(recipe.truth.predicate).openings():
        raise SpecError(f"recipe '{file}': truth.predicate must be one that a forward pass can score (opens_with)")
    return recipe


def _where(error: Any) -> str:
    """The field's path as the file has it: pydantic puts the kind of plant into it, or leaves the key `kind` out."""
    path = [str(part) for part in error["loc"]]
    if error["type"].startswith("union_tag"):
        path.append("kind")
    elif path[:1] == ["plant"] and len(path) > 1:
        del path[1]
    return ".".join(path)
