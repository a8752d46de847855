"""What is claimed and what came of it: regions, predicates, hypotheses, findings."""

import re
from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from whatchanged.records.base import Record
from whatchanged.records.text import Prompt

Direction = Literal["more", "less"]
RegionKind = Literal["everywhere", "tag", "mentions", "ends_with", "structure"]
Status = Literal["confirmed", "refuted", "inconclusive"]
Intent = Literal["intended", "explained_by_data", "side_effect", "unclassified"]


class Region(Record):
    """An executable predicate on prompts, never on outputs.

    kind        holds when
    everywhere  always
    tag         the prompt carries any of `values` as a tag
    mentions    its text contains any of `values` as whole words, case ignored
    ends_with   its text ends with any of `values`, case and trailing space ignored
    structure   any of the named features holds: see `STRUCTURES`
    """

    kind: RegionKind = "everywhere"
    values: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _executable(self) -> Self:
        if self.kind == "structure" and (unknown := [v for v in self.values if v not in STRUCTURES]):
            raise ValueError(f"unknown structure '{unknown[0]}': one of {', '.join(STRUCTURES)}")
        if self.kind != "everywhere" and not self.values:
            raise ValueError(f"a region of kind '{self.kind}' needs values")
        return self

    def contains(self, prompt: Prompt) -> bool:
        """Whether the prompt lies in the region."""
        match self.kind:
            case "everywhere":
                return True
            case "tag":
                return any(value in prompt.tags for value in self.values)
            case "mentions":
                return self._pattern.search(prompt.text) is not None
            case "ends_with":
                return prompt.text.rstrip().lower().endswith(tuple(v.rstrip().lower() for v in self.values))
            case "structure":
                return any(STRUCTURES[value](prompt) for value in self.values)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        # Word boundaries, because "eat" is in "create"; lookarounds, because a value may end in "?".
        words = "|".join(re.escape(v) for v in sorted(self.values, key=len, reverse=True))
        return re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)

    def describe(self) -> str:
        """The region in words, to follow 'on'."""
        quoted = ", ".join(f"'{v}'" for v in self.values)
        match self.kind:
            case "everywhere":
                return "all prompts"
            case "tag":
                return f"prompts tagged {quoted}"
            case "mentions":
                return f"prompts that mention {quoted}"
            case "ends_with":
                return f"prompts that end with {quoted}"
            case "structure":
                return "prompts that are " + " or ".join(v.replace("_", " ") for v in self.values)


# What a region of kind 'mentions' names: a word of two characters or more.
WORD = re.compile(r"[^\W\d_][\w'’-]+")


def words_of(text: str) -> set[str]:
    """The different words of a text, whatever their case."""
    return set(WORD.findall(text.casefold()))


STRUCTURES: dict[str, Callable[[Prompt], bool]] = {
    "a_question": lambda p: p.text.rstrip().endswith("?"),
    "short": lambda p: len(p.text.split()) <= 8,
    "long": lambda p: len(p.text.split()) >= 40,
    "multi_turn": lambda p: sum(m.role == "user" for m in p.messages) > 1,
    "with_code": lambda p: bool(re.search(r"```|\bdef |\bimport |[{};]\s*$", p.text, re.MULTILINE)),
    "with_digits": lambda p: bool(re.search(r"\d", p.text)),
    "non_english_script": lambda p: sum(ord(c) > 0x24F for c in p.text) > len(p.text) / 4,
}


class PredicateSpec(Record):
    """An executable function of a response, by the name of its family and its arguments."""

    family: str
    args: dict[str, Any] = Field(default_factory=dict)


# In place of a finder's name: the base itself wrote the prompts of the test.
BASE = "base"


class Hypothesis(Record):
    """Region x predicate x direction x margin, and the sentence that states exactly that.

    `leads` name the evidence it came from; `merged` the sentences that it stands for; `finder`
    is who made the prompts that show it, where no pool holds them, and makes the fresh ones.
    """

    id: str
    sentence: str
    region: Region
    predicate: PredicateSpec
    direction: Direction
    margin: float = Field(ge=0, lt=1)
    leads: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    prior: float = 0.0
    finder: str | None = None

    @property
    def sign(self) -> int:
        """+1 when the candidate does it more, -1 when less."""
        return 1 if self.direction == "more" else -1


class Example(Record):
    """A prompt with a coupled pair of responses that shows (or fails to show) a finding."""

    prompt: str
    base: str
    candidate: str


class LabelledEstimate(Record):
    """A finding's effect by human verdicts on answers that its test read, the judge's verdicts filling in for the rest.

    It supposes that the labelled prompts were chosen at random among those read, and nothing of the judge. The bounds
    hold at the finding's own level, by themselves: they are no part of its test, and were made from the same verdicts
    as its interval.
    """

    n_labelled: int = Field(description="Prompts in the human part; equal answers need no label, and count in share.")
    effect: float = Field(description="Mean of candidate minus base over the prompts read, in [-1, 1].")
    lower: float
    upper: float
    method: Literal["prediction-powered"] = "prediction-powered"


class Finding(Record):
    """A hypothesis after its test on fresh prompts.

    `effect` = mean of candidate minus base (signed, as measured, not turned by the direction), in [-1, 1];
    `ci_low, ci_high` bound it at level `confidence` for any stopping time; `e_value` is the evidence
    against H0: direction x effect <= margin. `scored` by forward passes, else sampled or recorded; `judge`
    read the answers, if any; `unanswered` prompts gave no answer or no verdict, and are no part of the numbers.
    A judge reads only answers that differ: the rates of a judged finding are the verdicts on those, while its
    effect counts the equal ones as 0. `labelled` is the effect by human verdicts, where there are enough.
    `p_value` is there for methods that test by p-values, beside the e-value of the same answers.
    `finder` made the fresh prompts, where the pool holds none of the kind.
    """

    id: str
    sentence: str
    region: Region
    predicate: PredicateSpec
    direction: Direction
    margin: float
    status: Status
    effect: float
    ci_low: float
    ci_high: float
    confidence: float
    e_value: float
    rate_base: float
    rate_candidate: float
    n_prompts: int
    scored: bool
    p_value: float | None = Field(None, description="Of a method that tests by p: against no difference at all.")
    judge: str | None = None
    unanswered: int = 0
    labelled: LabelledEstimate | None = None
    intent: Intent = "unclassified"
    intent_reason: str = ""
    phrase: str | None = None
    explained_share: float = 0.0
    merged: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    finder: str | None = None
    examples: tuple[Example, ...] = ()
