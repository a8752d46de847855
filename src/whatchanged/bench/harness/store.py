"""The files of a finished bench: four Parquet tables of rows, summary.json, and the page."""

import json
import types
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from whatchanged.bench.harness.page import render_bench
from whatchanged.bench.harness.rows import AuditRow, BehaviourRow, BenchResult, FinderRow, FindingRow
from whatchanged.errors import MissingExtra, SpecError
from whatchanged.ledger import write_atomic
from whatchanged.records import Record

if TYPE_CHECKING:
    import pyarrow as pa

PAGE, SUMMARY = "bench.html", "summary.json"
ROWS: dict[str, type[Record]] = {
    "audits": AuditRow, "behaviours": BehaviourRow, "findings": FindingRow, "finders": FinderRow,
}  # fmt: skip


def check_parquet() -> None:
    """Raises MissingExtra without pyarrow: better before hours of audits than after."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise MissingExtra("pyarrow", "frame") from None


def save(result: BenchResult, out: Path) -> None:
    """Write all files, each whole or not at all."""
    files = {f"{name}.parquet": parquet(kind, getattr(result, name)) for name, kind in ROWS.items()}
    files[SUMMARY] = (result.model_dump_json(indent=1) + "\n").encode()
    files[PAGE] = render_bench(result).encode("utf-8", "backslashreplace")
    for name, data in files.items():
        write_atomic(out / name, data)
        # For others to read, as a report is.
        (out / name).chmod(0o644)


def load(folder: Path) -> BenchResult:
    """What `save` wrote. Raises SpecError for a folder in which no bench was saved."""
    check_parquet()
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        told = json.loads((folder / SUMMARY).read_bytes())
        files = {name: file for name in ROWS if (file := folder / f"{name}.parquet").is_file()}
        rows = {name: pq.read_table(file).to_pylist() for name, file in files.items()}
        return BenchResult.model_validate(told | rows)
    except (OSError, ValueError, pa.ArrowException) as error:
        detail = " ".join(str(error).split())[:160]
        raise SpecError(f"'{folder}' holds no finished bench: give the --out of one ({detail})") from None


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
