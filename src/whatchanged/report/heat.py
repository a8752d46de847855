"""The heat map of the weights: layers across, modules down."""

from collections.abc import Sequence
from typing import NamedTuple

from whatchanged.report.model import ModuleChange

MOST_LAYERS = 128
MOST_MODULES = 24


class HeatRow(NamedTuple):
    """One module in every layer shown; None where it did not change there."""

    module: str
    cells: list[float | None]


class Heat(NamedTuple):
    """Rows in order of their largest change; `largest` is the change that a full shade stands for."""

    layers: list[int]
    rows: list[HeatRow]
    largest: float


def heat_map(modules: Sequence[ModuleChange]) -> Heat | None:
    """None where no module inside a layer changed."""
    by_place = {(m.module, m.layer): m.relative for m in modules if m.layer is not None and m.relative}
    if not by_place:
        return None
    layers = sorted({layer for _, layer in by_place if layer is not None})[:MOST_LAYERS]
    names = list(dict.fromkeys(m.module for m in modules if (m.module, m.layer) in by_place))[:MOST_MODULES]
    rows = [HeatRow(name, [by_place.get((name, layer)) for layer in layers]) for name in names]
    return Heat(layers, rows, max(value for value in by_place.values() if value))
