"""The contract of a validator: trials of a hypothesis, each a number that is positive where it was right.

Validators report through the e-process that confirmation uses, with a margin of 0. They say what a reader who knows
the hypothesis can do with it; they do not replace its test, which counts what the models do.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeAlias

from whatchanged.endpoints import LanguageModel
from whatchanged.records import Cost, Hypothesis, Pair, Prompt, Record
from whatchanged.roles.metered import Metered
from whatchanged.stats import Bet
from whatchanged.subjects import Access, Subject

Trial: TypeAlias = float | None
"""In [-1, 1]: above 0 it supports the hypothesis; None is a missing value (no reply, or none that could be read)."""


@dataclass(frozen=True)
class Material:
    """What validators work with.

    `model` plays the role. `pairs` are fresh confirmation pairs of prompts in the hypothesis's region, `prompts` maps
    their prompt ids to prompts. `max_tokens` and `temperature` are those of the subjects' answers; what those and
    the role cost goes to `spent`.
    """

    model: LanguageModel
    pairs: Sequence[Pair]
    prompts: Mapping[str, Prompt]
    base: Subject
    candidate: Subject
    seed: int
    max_tokens: int
    temperature: float
    cap: Access = Access.weights
    spent: list[Cost] = field(default_factory=list)

    @property
    def access(self) -> Access:
        """What may be seen of both subjects: no more than `cap`."""
        return min(self.base.access, self.candidate.access, self.cap)


class Validator(ABC):
    """One kind of validation. Stateless: all that it knows is in the material."""

    name: ClassVar[str]
    needs: ClassVar[Access] = Access.recorded

    @abstractmethod
    def trials(self, hypothesis: Hypothesis, material: Material) -> list[Trial]:
        """Trials in order; [] when the material's access is below `needs`.

        Given the earlier ones, a trial's expectation is at most 0 if the hypothesis says nothing about the models.
        """


class Validation(Record):
    """What a validator found: `n` trials with a value, their `mean`, and the e-process's `log_e` (nats) after them.

    `missing` trials gave no value and count for nothing; `calls` were made to the role.
    """

    name: str
    n: int
    missing: int
    mean: float
    log_e: float
    calls: int


def validate(validator: Validator, hypothesis: Hypothesis, material: Material) -> Validation:
    """Run the trials and bet on them in order, against H0: their mean is at most 0."""
    metered = Metered(material.model)
    trials = validator.trials(hypothesis, replace(material, model=metered))
    material.spent.append(Cost(calls=metered.calls, usd=round(metered.usd, 6)))
    values = [trial for trial in trials if trial is not None]
    return Validation(
        name=validator.name,
        n=len(values),
        missing=len(trials) - len(values),
        mean=round(sum(values) / len(values), 6) if values else 0.0,
        log_e=round(Bet(margin=0.0).update(values).log_e, 6) + 0.0,  # no -0.0
        calls=metered.calls,
    )
