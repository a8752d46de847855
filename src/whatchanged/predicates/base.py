"""The contract of a predicate. One class a family, found by name through `whatchanged.registry`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from whatchanged.errors import SpecError
from whatchanged.records import Direction, Pair, PredicateSpec, Prompt, Record

ArgsT = TypeVar("ArgsT", bound=Record)


class Predicate(ABC):
    """An executable function (response, prompt) -> [0, 1], frozen by its arguments.

    A family that takes arguments declares them as a Record and validates them in `__init__` with
    `checked`; one that takes none needs no `__init__`. `tests/contracts/test_predicates.py` runs
    over every registered family and says what else is expected of it.
    """

    family: ClassVar[str]
    args: Record

    def __init__(self, /, **args: object) -> None:
        self.args = checked(self.family, Record, args)

    @property
    def spec(self) -> PredicateSpec:
        """What `load` needs to build this predicate again; survives JSON unchanged."""
        return PredicateSpec(family=self.family, args=self.args.model_dump(mode="json", exclude_none=True))

    @abstractmethod
    def score(self, response: str, prompt: Prompt) -> float:
        """How far the response does it, in [0, 1]. Never raises, whatever the text; linear time."""

    @abstractmethod
    def describe(self, direction: Direction) -> str:
        """A verb phrase whose subject is the candidate, as in 'refuses more often'."""

    @classmethod
    @abstractmethod
    def examples(cls) -> list[PredicateSpec]:
        """Specs that work, at least one: what the docs show and the contract test builds."""

    def openings(self) -> tuple[str, ...]:
        """Non-empty: the score is 1 exactly where the response opens with any of these.

        Then E[score] is the probability of those openings, which a forward pass gives without
        sampling (a scored predicate). None is a prefix of another, so their probabilities add up.
        """
        return ()

    @classmethod
    def propose(cls, pairs: Sequence[Pair], prompts: Mapping[str, Prompt]) -> list[PredicateSpec]:
        """Specs worth testing, most promising first, from discovery pairs only; [] when none stands out.

        `prompts` maps the pairs' prompt ids to prompts.
        """
        return []


def checked(family: str, arguments: type[ArgsT], args: Mapping[str, object]) -> ArgsT:
    """`args` as the family's Record. Raises SpecError naming the family, the argument and the value."""
    try:
        checked_args = arguments.model_validate(dict(args))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "arguments"
        shown = ascii(first["input"])[:80]
        raise SpecError(f"predicate {family}: {where}={shown}: {first['msg']}") from None
    try:
        checked_args.model_dump_json()
    except PydanticSerializationError:  # half a surrogate pair: a spec that no file could hold
        raise SpecError(f"predicate {family}: {ascii(dict(args))[:80]}: not valid Unicode text") from None
    return checked_args


def quoted(phrases: Sequence[str], limit: int = 3) -> str:
    """The phrases in double quotes, joined for a sentence; past `limit`, only their number."""
    shown = ['"' + phrase.replace("\n", "\\n") + '"' for phrase in phrases[:limit]]
    if (left := len(phrases) - limit) > 0:
        shown.append(f"{left} other" + "s" * (left > 1))
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " or " + shown[-1]


def prefix_free(phrases: Sequence[str]) -> tuple[str, ...]:
    """Drop what opens with another of the phrases: the same event, without counting it twice."""
    kept: list[str] = []
    for phrase in sorted(set(phrases)):  # a prefix sorts before what it opens
        if not kept or not phrase.startswith(kept[-1]):
            kept.append(phrase)
    return tuple(kept)
