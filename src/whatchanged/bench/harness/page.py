"""bench.html: one file, no script, nothing loaded from anywhere; whatever models wrote is inert text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from whatchanged.bench.harness.curves import Price, curve_plot
from whatchanged.bench.harness.rows import BehaviourRow, BenchResult, FindingRow, Setting
from whatchanged.bench.harness.summarise import is_strong, setting_of
from whatchanged.bench.harness.table import (
    FINDER_HEADINGS,
    HEADINGS,
    cells,
    equal_sentence,
    far_sentence,
    finder_cells,
)
from whatchanged.report.html import page_environment
from whatchanged.report.numbers import percent

if TYPE_CHECKING:
    from jinja2 import Template

# The Parquet files hold all; the page at most so many rows a table.
MOST_ROWS = 500
PRICES: tuple[tuple[str, Price], ...] = (("decoded tokens an audit", "decoded_tokens"), ("time an audit", "seconds"))


class Cell(NamedTuple):
    """A planted behaviour under one setting: how many of its audits found it."""

    words: str
    kind: str
    title: str


class DoseRow(NamedTuple):
    """One planted behaviour, and a cell a setting."""

    organism: str
    behaviour: str
    rise: float
    strong: bool
    intended: bool
    cells: list[Cell]


class NullRow(NamedTuple):
    """One null, and a cell a setting."""

    organism: str
    cells: list[Cell]


def render_bench(result: BenchResult) -> str:
    """The whole page."""
    settings = [setting_of(row) for row in result.methods]
    return _template().render(
        result=result,
        headings=HEADINGS,
        rows=[cells(row) for row in result.methods],
        settings=settings,
        finder_headings=FINDER_HEADINGS,
        finders=[finder_cells(row) for row in result.finder_totals],
        doses=_doses(result, settings),
        nulls=_nulls(result, settings),
        plots=[(name, plot) for name, price in PRICES if (plot := curve_plot(result.curve, price)) is not None],
        equal=[equal_sentence(row) for row in result.equal_recall],
        far=[far_sentence(row) for row in result.extrapolated],
        findings=_worst_first(result.findings)[:MOST_ROWS],
        every_finding=len(result.findings),
        refused=[row for row in result.audits if row.refused],
    )


def _template() -> "Template":
    return page_environment("whatchanged.bench.harness").get_template("bench.html.j2")


def _doses(result: BenchResult, settings: Sequence[Setting]) -> list[DoseRow]:
    """The strongest plants first: recall by dose reads downwards."""
    found: dict[tuple[str, str], list[BehaviourRow]] = {}
    for row in result.behaviours:
        found.setdefault((row.organism, row.behaviour), []).append(row)
    rows = [
        DoseRow(
            *place,
            rise=same[0].rise,
            strong=is_strong(same[0]),
            intended=same[0].intended,
            cells=[_found([b for b in same if setting_of(b) == setting]) for setting in settings],
        )
        for place, same in found.items()
    ]
    return sorted(rows, key=lambda row: (-abs(row.rise), row.organism, row.behaviour))


def _found(rows: Sequence[BehaviourRow]) -> Cell:
    if not rows:
        return Cell("", "", "not run")
    times, best = sum(row.found for row in rows), max(rows, key=lambda row: row.phi)
    kind = "good" if times == len(rows) else "bad" if times == 0 else "some"
    told = f"phi {best.phi:.2f}, precision {percent(best.precision)}, coverage {percent(best.coverage)}"
    return Cell(f"{times} of {len(rows)}", kind, f"closest finding: {told}")


def _nulls(result: BenchResult, settings: Sequence[Setting]) -> list[NullRow]:
    ran = [row for row in result.audits if row.kind == "null" and not row.refused]
    rows = []
    for organism in dict.fromkeys(row.organism for row in ran):
        told: list[Cell] = []
        for setting in settings:
            mine = [row for row in ran if row.organism == organism and setting_of(row) == setting]
            findings, true = sum(row.confirmed for row in mine), sum(row.true for row in mine)
            kind = "" if not mine else "good" if findings == 0 else "bad"
            words = "" if not mine else "silent" if findings == 0 else f"{findings} confirmed, {true} true"
            told.append(Cell(words, kind, f"{len(mine)} audits"))
        rows.append(NullRow(organism, told))
    return rows


def _worst_first(findings: Sequence[FindingRow]) -> list[FindingRow]:
    """What a reader should look at: untrue ones, then those whose interval missed, then those never measured again."""
    return sorted(findings, key=_trouble)


def _trouble(row: FindingRow) -> tuple[Any, ...]:
    return row.true is not False, row.covered is not False, row.true is not None, row.organism, row.name, row.seed
