"""Scored audits to the whole result, those of one bench or of several."""

from collections.abc import Iterable, Sequence
from typing import Any

from whatchanged.bench.harness.rows import BenchResult, Row, Setting
from whatchanged.bench.harness.score import Scored
from whatchanged.bench.harness.summarise import (
    by_setting,
    curve,
    equal_recall,
    extrapolate,
    finder_totals,
    method_row,
    setting_of,
)
from whatchanged.errors import UsageError


def result_of(scored: Sequence[Scored], reference: str, **about: Any) -> BenchResult:
    """All audits added up, the method `reference` the one that others are held against. `about`: the other fields."""
    return BenchResult(
        methods=tuple(method_row(setting, rows) for setting, rows in by_setting(scored).items()),
        equal_recall=tuple(equal_recall(scored, reference)),
        extrapolated=tuple(extrapolate(scored)),
        curve=tuple(curve(scored)),
        finder_totals=tuple(finder_totals(scored)),
        audits=tuple(s.audit for s in scored),
        behaviours=tuple(b for s in scored for b in s.behaviours),
        findings=tuple(f for s in scored for f in s.findings),
        finders=tuple(f for s in scored for f in s.finders),
        **about,
    )


def join(parts: Sequence[BenchResult]) -> BenchResult:
    """Several benches as one. Where two have the same audit, the later one's counts.

    Raises UsageError where they measured their findings again on different numbers of responses.
    """
    if len(sizes := {part.remeasure for part in parts}) > 1:
        raise UsageError(f"remeasure={sorted(sizes)}: benches can be joined that measured again alike")
    scored: dict[tuple[Setting, str, int], Scored] = {}
    for part in parts:
        scored |= _scored(part)
    audited = {organism for _, organism, _ in scored}
    machine = parts[0].machine.model_copy(update={"cpu": _each(part.machine.cpu for part in parts)})
    of = by_setting(scored.values())
    return result_of(
        [s for some in of.values() for s in some],
        parts[0].methods[0].method,
        whatchanged=_each(part.whatchanged for part in parts),
        commit=_each(part.commit for part in parts),
        command=_each((part.command for part in parts), " && "),
        machine=machine,
        remeasure=parts[0].remeasure,
        missing=tuple(dict.fromkeys(m for part in parts for m in part.missing if m.split(":")[0] not in audited)),
    )


def _each(values: Iterable[str], between: str = ", ") -> str:
    return between.join(dict.fromkeys(values))


def _scored(part: BenchResult) -> dict[tuple[Setting, str, int], Scored]:
    """The rows of each audit together again."""
    kinds = ("behaviours", "findings", "finders")
    of: dict[tuple[Setting, str, int], dict[str, Any]] = {_place(a): {"audit": a} for a in part.audits}
    for kind in kinds:
        for row in getattr(part, kind):
            of[_place(row)].setdefault(kind, []).append(row)
    return {place: Scored(**rows) for place, rows in of.items()}


def _place(row: Row) -> tuple[Setting, str, int]:
    return setting_of(row), row.organism, row.seed
