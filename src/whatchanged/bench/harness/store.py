"""The files of a finished bench: four Parquet tables of rows, summary.json, and the page."""

import types
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from whatchanged.bench.harness.page import render_bench
from whatchanged.bench.harness.rows import AuditRow, BehaviourRow, BenchResult, FinderRow, FindingRow
from whatchanged.errors import MissingExtra
from whatchanged.ledger import write_atomic
from whatchanged.records import Record

if TYPE_CHECKING:
    import pyarrow as pa

PAGE, SUMMARY = "bench.html", "summary.json"


def check_parquet() -> None:
    """Raises MissingExtra without pyarrow: better before hours of audits than after."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise MissingExtra("pyarrow", "frame") from None


def save(result: BenchResult, out: Path) -> None:
    """Write all files, each whole or not at all."""
    kinds: list[tuple[str, type[Record], Sequence[Record]]] = [
        ("audits", AuditRow, result.audits),
        ("behaviours", BehaviourRow, result.behaviours),
        ("findings", FindingRow, result.findings),
        ("finders", FinderRow, result.finders),
    ]
    files = {f"{name}.parquet": parquet(kind, rows) for name, kind, rows in kinds}
    files[SUMMARY] = (result.model_dump_json(indent=1) + "\n").encode()
    files[PAGE] = render_bench(result).encode("utf-8", "backslashreplace")
    for name, data in files.items():
        write_atomic(out / name, data)
        # For others to read, as a report is.
        (out / name).chmod(0o644)


def parquet(kind: type[Record], rows: Sequence[Record]) -> bytes:
    """The rows as a Parquet file whose columns are the Record's fields, of their types also where no row is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _column(field.annotation)) for name, field in kind.model_fields.items()])
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([_storable(row) for row in rows], schema=schema), sink)
    stored: bytes = sink.getvalue().to_pybytes()
    return stored


def _storable(row: Record) -> dict[str, Any]:
    # A model may write half an emoji, which no UTF-8 file holds.
    return {
        name: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for name, value in row.model_dump().items()
    }


def _column(annotation: Any) -> "pa.DataType":
    import pyarrow as pa

    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(part for part in get_args(annotation) if part is not types.NoneType)
    if get_origin(annotation) is Literal:
        annotation = str
    return {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}[annotation]
