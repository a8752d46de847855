"""From a written spec to the predicate that runs."""

import json
from functools import lru_cache

from whatchanged import registry
from whatchanged.errors import SpecError
from whatchanged.predicates.base import Predicate
from whatchanged.records import PredicateSpec


def load(spec: PredicateSpec) -> Predicate:
    """The predicate that `spec` names; equal specs share one object.

    Raises SpecError for an unknown family or an argument that the family refuses.
    """
    try:
        key = json.dumps([spec.family, spec.args])
    except (TypeError, ValueError) as error:
        raise SpecError(f"predicate {spec.family}: arguments that JSON cannot hold ({error})") from None
    return _load(key)


@lru_cache(maxsize=1024)
def _load(key: str) -> Predicate:
    family, args = json.loads(key)
    predicate: Predicate = registry.predicates[family](**args)
    return predicate


def families() -> dict[str, type[Predicate]]:
    """Every registered family by name, those of other packages included; imports them all."""
    return {name: registry.predicates[name] for name in sorted(registry.predicates)}
