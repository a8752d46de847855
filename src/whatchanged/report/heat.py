"""The heat map of the weights: layers across, modules down."""

from collections.abc import Sequence
from typing import NamedTuple

from whatchanged.report.model import ModuleChange
from whatchanged.report.numbers import plural, rate
from whatchanged.report.writes import place

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


def heat_sentence(modules: Sequence[ModuleChange]) -> str:
    """Which module moved most, and how far the change reaches; nothing where no module inside a layer changed."""
    inside = [m for m in modules if m.layer is not None and m.relative]
    if not inside:
        return ""
    most = max(inside, key=lambda m: m.relative or 0.0)
    layers, kinds = len({m.layer for m in inside}), len({m.module for m in inside})
    told = (
        f"{place(most.layer, most.module)} changed most, by {rate(most.relative)} of its norm; "
        f"{plural(kinds, 'kind')} of module changed, in {plural(layers, 'layer')}."
    )
    return told[0].upper() + told[1:]
