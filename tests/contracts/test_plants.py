"""Every registered kind of plant: a Record of its own kind, light to read, that says how it is made."""

import inspect
import subprocess
import sys
from typing import get_args

import pytest

from whatchanged import registry
from whatchanged.bench.recipe import Plant

HEAVY = {"torch", "transformers", "peft", "sklearn", "scipy", "trl"}


@pytest.mark.parametrize("kind", registry.plants)
def test_a_kind_is_a_plant_that_goes_by_its_name(kind: str) -> None:
    plant = registry.plants[kind]
    assert issubclass(plant, Plant)
    assert not inspect.isabstract(plant)
    assert kind in get_args(plant.model_fields["kind"].annotation)
    assert plant.__doc__ != Plant.__doc__


def test_reading_recipes_of_every_kind_loads_no_heavy_library() -> None:
    code = (
        "import sys; from whatchanged import registry; [registry.plants[k] for k in registry.plants]; "
        "print(*{m.split('.')[0] for m in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())
