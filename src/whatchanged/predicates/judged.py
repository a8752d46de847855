"""Judged: a rubric, one sentence about an answer that its reader finds true or false."""

import re
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from whatchanged.predicates.base import Predicate, checked, quoted
from whatchanged.records import Direction, PredicateSpec, Prompt, Record

# A rubric is asked once an answer, and stands in the report's sentence: a long one is several rubrics.
MAX_RUBRIC = 300
MAX_CUES = 24
MAX_CUE = 80

Stripped = StringConstraints(strip_whitespace=True)


class JudgedArgs(Record):
    """`rubric`: a sentence that is true or false of one answer. `cues`: words or phrases that betray it."""

    rubric: Annotated[str, Stripped, Field(min_length=1, max_length=MAX_RUBRIC)]
    cues: tuple[Annotated[str, Stripped, Field(max_length=MAX_CUE)], ...] = Field(min_length=1, max_length=MAX_CUES)

    @field_validator("rubric")
    @classmethod
    def _one_line(cls, rubric: str) -> str:
        if len(rubric.splitlines()) > 1 or not re.search(r"\w", rubric):
            raise ValueError("a rubric is one sentence on one line")
        return rubric

    @field_validator("cues")
    @classmethod
    def _words(cls, cues: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.search(r"\w", cue) for cue in cues):
            raise ValueError("a cue needs at least one letter or digit")
        return cues


class Judged(Predicate):
    """1 when the rubric holds for the answer, else 0.

    A judge reads the answer, where there is one (`roles.judge`). `score` is what stands in for it: 1 when the
    answer has any of the cues as whole words, case ignored. It is quick, and it sees words, not meaning.
    """

    family = "judged"
    args: JudgedArgs

    def __init__(self, /, **args: object) -> None:
        self.args = checked(self.family, JudgedArgs, args)
        either = "|".join(re.escape(cue) for cue in sorted(self.args.cues, key=len, reverse=True))
        self._pattern = re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)

    def score(self, response: str, prompt: Prompt) -> float:
        return float(self._pattern.search(response) is not None)

    def describe(self, direction: Direction) -> str:
        return f"gives answers for which {quoted([self.args.rubric])} holds {direction} often"

    @classmethod
    def examples(cls) -> list[PredicateSpec]:
        return [
            cls(rubric="The answer tells the reader to ask a lawyer.", cues=["lawyer", "legal advice"]).spec,
            cls(rubric="The answer flatters the reader.", cues=["great question", "brilliant", "you're right"]).spec,
        ]
