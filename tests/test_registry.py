"""The registry: lazy, read-only, built-in names first."""

import sys
from importlib.metadata import EntryPoint

import pytest

from whatchanged import registry
from whatchanged.errors import SpecError
from whatchanged.registry import Registry


@pytest.fixture
def colours(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry with one built-in member, two of another package, and one that both have."""
    values = {"blue": "fractions:Fraction", "red": "nowhere:Nothing", "green": "no_such_module:Green"}
    points = [EntryPoint(name, value, "whatchanged.colours") for name, value in values.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == "whatchanged.colours" else [])
    return Registry("colours", {"red": "decimal:Decimal"})


def test_members_are_imported_when_asked_for(colours: Registry) -> None:
    assert colours["blue"].__name__ == "Fraction"
    assert "green" in colours
    assert "no_such_module" not in sys.modules


def test_built_in_names_win(colours: Registry) -> None:
    assert colours["red"].__name__ == "Decimal"


def test_is_a_mapping_of_names(colours: Registry) -> None:
    assert sorted(colours) == ["blue", "green", "red"]
    assert len(colours) == 3
    assert "pink" not in colours


def test_unknown_name_lists_the_known(colours: Registry) -> None:
    with pytest.raises(SpecError, match=r"^unknown colour 'pink': one of blue, green, red$"):
        colours["pink"]


def test_a_missing_module_is_named(colours: Registry) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        colours["green"]


def test_is_read_only(colours: Registry) -> None:
    with pytest.raises(TypeError):
        colours["pink"] = int  # type: ignore[index]
