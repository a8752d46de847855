"""Every name in every registry leads to an object that exists."""

import pytest

from whatchanged import registry
from whatchanged.registry import Registry

REGISTRIES = {value.kind: value for value in vars(registry).values() if isinstance(value, Registry)}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, r in REGISTRIES.items() for name in r])
def test_member_can_be_imported(kind: str, name: str) -> None:
    assert callable(REGISTRIES[kind][name])


def test_each_registry_is_called_what_its_entry_points_are_called() -> None:
    assert all(getattr(registry, kind) is found for kind, found in REGISTRIES.items())
    assert set(REGISTRIES) == {
        "predicates", "pools", "recordings", "subjects", "modifiers", "lenses", "finders", "validators", "methods",
        "plants",
    }  # fmt: skip
