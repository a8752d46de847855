"""What a hypothesis can be made of, told to the reasoner: generated from the families, so that it never drifts."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from whatchanged.predicates import Predicate, families, load
from whatchanged.records import STRUCTURES, PredicateSpec, Record

# Families whose arguments are numbers fitted to data. A model that writes them writes a claim about words
# that the numbers do not make.
FITTED = frozenset({"semantic"})
# Arguments that only stand in the sentence: there a model could say what nobody tests.
SHOWN_ONLY = frozenset({("answer", "question")})
# From so many different values in a family's examples on, all are listed: they are a catalogue.
CATALOGUE = 4


def offered(judge: bool) -> dict[str, type[Predicate]]:
    """The families that a language model may use, by name; rubrics only where a judge will read them."""
    left_out = FITTED if judge else FITTED | {"judged"}
    return {name: family for name, family in families().items() if name not in left_out}


def family_menu(judge: bool) -> str:
    """Each family: what it is, its arguments, and an example in the form that `written.proposal` reads."""
    return "\n".join(_entry(name, family) for name, family in offered(judge).items())


def structure_names() -> str:
    """The structures that a region can name."""
    return ", ".join(STRUCTURES)


def flat(spec: PredicateSpec) -> dict[str, Any]:
    """The spec with its arguments beside the family's name, without those that are only shown."""
    executed = {name: value for name, value in spec.args.items() if (spec.family, name) not in SHOWN_ONLY}
    return {"family": spec.family, **executed}


def _entry(name: str, family: type[Predicate]) -> str:
    examples = family.examples()
    arguments = type(load(examples[0]).args)
    return "\n".join(
        [
            f"- {name}: {_first_sentence(family)}",
            f"  {_arguments(name, arguments, _catalogues(examples))}",
            f"  {json.dumps(flat(examples[0]), ensure_ascii=False)}",
        ]
    )


def _first_sentence(documented: type) -> str:
    return " ".join((documented.__doc__ or "").split()).partition(". ")[0].rstrip(".") + "."


def _arguments(family: str, arguments: type[Record], catalogues: Mapping[str, Sequence[str]]) -> str:
    """Names and kinds, as in 'kind: opens_with | contains; phrases: list of text'; ? marks what may be left out."""
    schema = arguments.model_json_schema()
    required = schema.get("required", [])
    return "; ".join(
        f"{name}{'' if name in required else '?'}: {' | '.join(catalogues.get(name, ())) or _kind(values)}"
        for name, values in schema.get("properties", {}).items()
        if (family, name) not in SHOWN_ONLY
    )


def _kind(schema: Mapping[str, Any]) -> str:
    """A JSON schema in few words; as it is where there are none for it."""
    match schema:
        case {"enum": values}:
            return " | ".join(map(str, values))
        case {"anyOf": choices}:
            return " or ".join(_kind(choice) for choice in choices if choice.get("type") != "null")
        case {"type": "array", "items": items}:
            return f"list of {_kind(items)}"
        case {"type": "string"}:
            return "text"
        case {"type": "integer" | "number" | "boolean" as kind}:
            limits = [
                f"{word} {schema[key]:g}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in schema
            ]
            return " ".join([kind, *limits])
        case _:
            return json.dumps(schema, ensure_ascii=False)


def _catalogues(examples: Sequence[PredicateSpec]) -> dict[str, list[str]]:
    """Arguments that take many different single words in the examples, with these."""
    values: dict[str, list[str]] = {}
    for spec in examples:
        for name, value in spec.args.items():
            if isinstance(value, str) and value.isidentifier() and value not in values.setdefault(name, []):
                values[name].append(value)
    return {name: found for name, found in values.items() if len(found) >= CATALOGUE}
