"""What the checkpoints say, for the report: one reading of both, and what the change writes through the base's head."""

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from whatchanged.errors import AccessError, UsageError
from whatchanged.ledger import Ledger, json_codec
from whatchanged.records import Cost, Record
from whatchanged.report.model import MatrixSpectrum, ModuleChange, WeightsView, WriteReading
from whatchanged.subjects import Subject

if TYPE_CHECKING:
    from whatchanged.weights import TensorDiff, WeightDiff

SPECTRA = 6
VALUES = 16
TOKENS = 10


class Writes(Record):
    """The write directions that say something, of `read`, held against `null` random ones."""

    kept: tuple[WriteReading, ...] = ()
    read: int = 0
    null: int = 0


VIEW = json_codec(WeightsView | None)
WRITES = json_codec(Writes)


def weights_view(ledger: Ledger, base: Subject) -> WeightsView | None:
    """The kind of intervention, what it moved and what that writes; None without two checkpoints to read.

    Modifiers act at run time and a checkpoint of a kind that cannot be compared is no reason to stop an audit.
    """
    # So that the second step need not compare the checkpoints again; a resumed run may have to.
    held: list[WeightDiff] = []
    view: WeightsView | None = ledger.once("weights/diff", VIEW, partial(_compared, ledger, held))
    if view is None:
        return None
    writes: Writes = ledger.once("weights/writes", WRITES, partial(_written, ledger, base, held))
    return view.model_copy(update={"writes": writes.kept, "writes_read": writes.read, "writes_null": writes.null})


def _compared(ledger: Ledger, held: "list[WeightDiff]") -> tuple[WeightsView | None, Cost]:
    from whatchanged.weights import weight_diff

    config = ledger.config
    try:
        diff = weight_diff(config.base, config.candidate, rank=VALUES, seed=config.seed, progress=ledger.progress)
    except UsageError:
        return None, Cost()
    held.append(diff)
    return WeightsView(
        kind=diff.kind.name,
        confidence=diff.kind.confidence,
        evidence=diff.kind.evidence,
        relative=diff.relative,
        modules=tuple(ModuleChange(layer=m.layer, module=m.module, relative=m.relative) for m in diff.modules),
        spectra=_spectra(diff.tensors),
    ), Cost()


def _spectra(tensors: "Sequence[TensorDiff]") -> tuple[MatrixSpectrum, ...]:
    """Of the matrices that changed most, relative to themselves."""
    order = sorted(tensors, key=lambda t: -math.inf if t.relative is None else -t.relative)
    return tuple(
        MatrixSpectrum(
            layer=t.layer, module=t.module, values=s.values, stable_rank=s.stable_rank, energy_rank=s.energy_rank,
            found=s.found, full=min(t.base_shape), exact=s.exact,
        )
        for t in order
        if (s := t.spectrum) is not None and t.base_shape is not None
    )[:SPECTRA]  # fmt: skip


def _written(ledger: Ledger, base: Subject, held: "list[WeightDiff]") -> tuple[Writes, Cost]:
    from whatchanged.weights.names import module_of
    from whatchanged.weights.predict import read_directions, readings
    from whatchanged.weights.predict.write import WRITERS

    config = ledger.config
    diff = held[0] if held else None
    ledger.progress.stage("weights: what the change writes", 1)
    try:
        found = read_directions(
            config.base, config.candidate, base, rank=VALUES, seed=config.seed, diff=diff, among=WRITERS
        )
        read = readings(base, found, config.alpha, top=TOKENS, seed=config.seed)
    except (UsageError, AccessError):
        return Writes(), Cost()
    ledger.progress.advance()
    kept = [
        WriteReading(
            layer=w.layer,
            module=module_of(f"{w.module}.weight"),
            promoted=tuple(t.text for t in w.promoted),
            demoted=tuple(t.text for t in w.demoted),
            share=round(w.share, 6),
            strongest=round(w.strongest, 4),
            p=w.p,
        )
        for w in read.kept
    ]
    return Writes(kept=tuple(kept), read=read.read, null=read.null), Cost()
