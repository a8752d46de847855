"""What a hypothesis can be made of, told to the reasoner: generated from the families, so that it never drifts."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from whatchanged.predicates import Predicate, families, load
from whatchanged.records import STRUCTURES, PredicateSpec, Record

# Families whose arguments are numbers fitted to data. A model that writes them writes a claim about words
# that the numbers do not make.
FITTED = frozenset({"semantic"})
# From so many different values in a family's examples on, all are listed: they are a catalogue.
CATALOGUE = 4


def offered(judge: bool) -> dict[str, type[Predicate]]:
    """The families that a language model may use, by name; rubrics only where a judge will read them."""
    left_out = FITTED if judge else FITTED | {"judged"}
    return {name: family for name, family in families().items() if name not in left_out}


def family_menu(judge: bool) -> str:
    """One paragraph a family: what it is, its arguments as a JSON schema, and an example."""
    return "\n\n".join(_paragraph(name, family) for name, family in offered(judge).items())


def structure_names() -> str:
    """The structures that a region can name."""
    return ", ".join(STRUCTURES)


def _paragraph(name: str, family: type[Predicate]) -> str:
    examples = family.examples()
    arguments = type(load(examples[0]).args)
    lines = [
        f"- {name}: {_prose(family)}",
        f"  {_prose(arguments)}",
        f"  args: {json.dumps(_schema(arguments), ensure_ascii=False)}",
        *(f"  {argument} is one of: {', '.join(values)}" for argument, values in _catalogues(examples).items()),
        f"  example: {json.dumps(examples[0].model_dump(), ensure_ascii=False)}",
    ]
    return "\n".join(line for line in lines if line.strip())


def _prose(documented: type) -> str:
    return " ".join((documented.__doc__ or "").split())


def _schema(arguments: type[Record]) -> Mapping[str, Any]:
    schema = arguments.model_json_schema()
    properties = {
        name: {key: value for key, value in values.items() if key not in ("title", "default")}
        for name, values in schema.get("properties", {}).items()
    }
    return {"properties": properties, "required": schema.get("required", [])}


def _catalogues(examples: Sequence[PredicateSpec]) -> dict[str, list[str]]:
    """Arguments that take many different single words in the examples, with these."""
    values: dict[str, list[str]] = {}
    for spec in examples:
        for name, value in spec.args.items():
            if isinstance(value, str) and value.isidentifier() and value not in values.setdefault(name, []):
                values[name].append(value)
    return {name: found for name, found in values.items() if len(found) >= CATALOGUE}
