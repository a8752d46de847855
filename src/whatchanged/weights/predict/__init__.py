"""From a change of weights to where it acts and what it says: predictions from the base alone."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whatchanged.weights.predict.beyond import Readings, readings
    from whatchanged.weights.predict.directions import Directions, ReadDirections, read_directions
    from whatchanged.weights.predict.energy import Energy, read_energy
    from whatchanged.weights.predict.firstorder import Foreseen, first_order
    from whatchanged.weights.predict.measured import Swept
    from whatchanged.weights.predict.ranks import spearman
    from whatchanged.weights.predict.sweep import load_entities, subject_sweep, vocabulary_sweep
    from whatchanged.weights.predict.write import TokenLogit, Written, write_directions

__all__ = [
    "Directions", "Energy", "Foreseen", "ReadDirections", "Readings", "Swept", "TokenLogit", "Written",
    "first_order", "load_entities", "read_directions", "read_energy", "readings", "spearman", "subject_sweep",
    "vocabulary_sweep", "write_directions",
]  # fmt: skip

_HOMES = {
    "Readings": "beyond", "readings": "beyond",
    "Directions": "directions", "ReadDirections": "directions", "read_directions": "directions",
    "Energy": "energy", "read_energy": "energy", "Foreseen": "firstorder", "first_order": "firstorder",
    "Swept": "measured", "spearman": "ranks", "TokenLogit": "write", "Written": "write", "write_directions": "write",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # Late, so that importing the package costs nothing.
    if name in __all__:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'sweep')}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
