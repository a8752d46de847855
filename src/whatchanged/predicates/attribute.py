"""Attribute: a named property of a text that needs no arguments, such as being a refusal."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Final

from pydantic import field_validator

from whatchanged.predicates.base import Predicate, checked
from whatchanged.predicates.contrast import by_prompt
from whatchanged.predicates.traits import TRAITS
from whatchanged.records import Direction, Pair, PredicateSpec, Prompt, Record

REFUSAL_OPENINGS: Final[tuple[str, ...]] = (
    "I'm sorry, but I can't",
    "I'm sorry, but I cannot",
    "Sorry, but I can't",
    "I cannot",
    "I can't",
    "I won't",
    "I'm unable to",
    "I am unable to",
    "As an AI language model",
)
"""Usual first words of a refusal: a Phrase that opens with any of them is scored, not sampled."""

MIN_PROMPTS = 4
MIN_STANDARD_ERRORS = 2.0


class AttributeArgs(Record):
    """`name` of the attribute: a key of `traits.TRAITS`."""

    name: str

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in TRAITS:
            raise ValueError("unknown attribute: one of " + ", ".join(sorted(TRAITS)))
        return name


class Attribute(Predicate):
    """1 when the text has the named property, else 0."""

    family = "attribute"
    args: AttributeArgs

    def __init__(self, /, **args: object) -> None:
        self.args = checked(self.family, AttributeArgs, args)
        self._trait = TRAITS[self.args.name]

    def score(self, response: str, prompt: Prompt) -> float:
        return float(self._holds(response))

    def describe(self, direction: Direction) -> str:
        return f"{self._trait.verb} {direction} often"

    @classmethod
    def examples(cls) -> list[PredicateSpec]:
        return [cls(name=name).spec for name in TRAITS]

    @classmethod
    def propose(cls, pairs: Sequence[Pair], prompts: Mapping[str, Prompt]) -> list[PredicateSpec]:
        """Every attribute whose mean, paired by prompt, differs by two standard errors; strongest first."""
        grouped = by_prompt(pairs)
        if len(grouped) < MIN_PROMPTS:
            return []
        strengths = {}
        for name in TRAITS:
            predicate = cls(name=name)
            differences = [fmean(predicate._difference(p) for p in group) for group in grouped.values()]
            strengths[name] = _standard_errors(differences)
        chosen = [name for name in TRAITS if strengths[name] >= MIN_STANDARD_ERRORS]
        return [cls(name=name).spec for name in sorted(chosen, key=lambda n: (-strengths[n], n))]

    def _difference(self, pair: Pair) -> float:
        if pair.base.text == pair.candidate.text:
            return 0.0
        return float(self._holds(pair.candidate.text)) - float(self._holds(pair.base.text))

    def _holds(self, text: str) -> bool:
        return self._trait.test(text.replace("’", "'"))


def _standard_errors(differences: Sequence[float]) -> float:
    """|mean| in standard errors; the error's floor of half a prompt keeps constant differences finite."""
    n = len(differences)
    return abs(fmean(differences)) / max(stdev(differences) / math.sqrt(n), 0.5 / n)
