"""From what a reasoner wrote to proposals that can be executed; everything else is refused with a reason."""

import json
from collections.abc import Collection
from typing import Any

from pydantic import ValidationError, field_validator
from pydantic_core import PydanticSerializationError

from whatchanged.errors import SpecError
from whatchanged.predicates import load
from whatchanged.records import Direction, PredicateSpec, Record, Region
from whatchanged.roles.hypotheses import Proposal, sentence
from whatchanged.roles.menu import SHOWN_ONLY, offered
from whatchanged.roles.text import salvage_json, shorten, visible

MAX_VALUES = 12
MAX_VALUE = 80
MAX_ARGS = 1200
MAX_WORDS = 300
MAX_PROBES = 8


class Written(Record):
    """One entry of the reasoner's answer. Unknown keys are errors: a verdict or a margin is not its to write."""

    sentence: str = ""
    region: Region
    predicate: PredicateSpec
    direction: Direction
    refuted_by: str = ""
    probes: tuple[str, ...] = ()

    @field_validator("predicate", mode="before")
    @classmethod
    def _nested(cls, predicate: object) -> object:
        """Arguments may stand beside the family's name, or under `args`: not in both places."""
        match predicate:
            case {"family": family, **args} if "args" not in args:
                return {"family": family, "args": args}
        return predicate


def entries(reply: str) -> list[object] | None:
    """The entries that a reply holds, each to be checked by itself; None where there is nothing like an answer.

    Taken are the last {"hypotheses": [...]} or [...], and the single entries that stand after it or, where there is
    none, anywhere: so a list that was cut off keeps its whole entries. What is not read has no effect.
    """
    found: list[object] | None = None
    for value in salvage_json(reply):
        listed = value.get("hypotheses") if isinstance(value, dict) else value
        if isinstance(listed, list):
            found = listed
        elif isinstance(value, dict) and "predicate" in value:
            found = [*(found or []), value]
    return found


def proposal(entry: object, tags: Collection[str], judge: bool) -> Proposal:
    """The entry as a proposal; `judge`: whether somebody reads rubrics.

    Raises ValueError or SpecError with one line that says what is wrong with the entry.
    """
    try:
        written = Written.model_validate(entry)
        json.dumps(written.model_dump(), ensure_ascii=False).encode()
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(": ".join([".".join(map(str, first["loc"])), first["msg"]]).removeprefix(": ")) from None
    except (UnicodeEncodeError, PydanticSerializationError):
        raise ValueError("not valid Unicode text") from None
    _check_region(written.region, tags)
    spec = _checked_spec(written.predicate, judge)
    return Proposal(
        sentence=sentence(written.region, spec, written.direction),
        region=written.region,
        predicate=spec,
        direction=written.direction,
        refuted_by=shorten(visible(written.refuted_by), MAX_WORDS),
        probes=tuple(shorten(visible(probe), MAX_WORDS) for probe in written.probes[:MAX_PROBES]),
    )


def _check_region(region: Region, tags: Collection[str]) -> None:
    if region.kind == "everywhere" and region.values:
        raise ValueError("region.values: a region of kind 'everywhere' has none")
    if len(region.values) > MAX_VALUES:
        raise ValueError(f"region.values: at most {MAX_VALUES}")
    for value in region.values:
        if not value.strip() or len(value) > MAX_VALUE or "\n" in value or not _plain(value):
            raise ValueError(f"region.values: {ascii(value)[:MAX_VALUE]}: one line of visible text, not too long")
        if region.kind == "tag" and value not in tags:
            raise ValueError(f"region.values: no prompt has the tag {ascii(value)[:MAX_VALUE]}")


def _checked_spec(spec: PredicateSpec, judge: bool) -> PredicateSpec:
    """The spec as its family writes it, without words that are shown but not executed."""
    if spec.family not in (allowed := offered(judge)):
        raise SpecError(f"predicate family {ascii(spec.family)[:MAX_VALUE]}: one of {', '.join(allowed)}")
    args = {name: value for name, value in spec.args.items() if (spec.family, name) not in SHOWN_ONLY}
    whole = load(PredicateSpec(family=spec.family, args=args)).spec
    if len(json.dumps(whole.args)) > MAX_ARGS:
        raise SpecError(f"predicate {spec.family}: arguments of more than {MAX_ARGS} characters")
    if not all(_plain(text) for text in _strings(whole.args)):
        raise SpecError(f"predicate {spec.family}: control characters in an argument")
    return whole


def _plain(text: str) -> bool:
    return visible(text) == text


def _strings(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for item in value.values() for text in _strings(item)]
        case list() | tuple():
            return [text for item in value for text in _strings(item)]
        case _:
            return []
