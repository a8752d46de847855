"""The three files of a finished run, and the way back from report.json."""

import json
import math
import os
import tempfile
from pathlib import Path

from pydantic import ValidationError

from whatchanged.config import FailOn
from whatchanged.errors import RunDirectoryError
from whatchanged.report.html import render_html
from whatchanged.report.junit import render_junit
from whatchanged.report.model import SCHEMA_VERSION, Report

_LARGEST = 1.7976931348623157e308


def report_json(report: Report) -> str:
    """The text of report.json: fields in the model's order, indent 1, floats as given, final newline.

    ASCII only, so that it can be printed on a terminal whatever the models wrote. An infinite e-value
    (an overflow of a product) becomes the largest double: JSON has no infinity, and less evidence than
    there is stays valid evidence. Raises ValueError for a NaN, which no stage may leave.
    """
    finite = _finite(report.model_dump(mode="json"))
    return json.dumps(finite, indent=1, allow_nan=False) + "\n"


def write_report(report: Report, directory: Path, fail_on: FailOn = "never") -> None:
    """Write report.json, report.html and junit.xml, each whole or not at all.

    `fail_on` decides which findings junit.xml calls failures. Raises RunDirectoryError.
    """
    files = {
        "report.html": render_html(report),
        "junit.xml": render_junit(report, fail_on),
        "report.json": report_json(report),
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            _replace(directory / name, text)
    except OSError as error:
        reason = f"cannot write the report ({_first_line(error)})"
        raise RunDirectoryError(f"{directory}: {reason}; name another --out") from None


def read_report(directory_or_file: Path) -> Report:
    """The report of a run directory, or of a report.json. Raises RunDirectoryError, one line."""
    path = Path(directory_or_file)
    file = path / "report.json" if path.is_dir() else path
    try:
        text = file.read_text(encoding="utf-8")
        loaded = json.loads(text)
    except FileNotFoundError:
        raise RunDirectoryError(f"{path}: no report.json there; name a finished run's directory") from None
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(file, _first_line(error)) from None
    version = loaded.get("schema_version") if isinstance(loaded, dict) else None
    if version != SCHEMA_VERSION:
        raise _unreadable(file, f"schema version {version!r}, and this whatchanged reads {SCHEMA_VERSION}")
    try:
        return Report.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _unreadable(file, f"{where}: {first['msg']}") from None


def _unreadable(file: Path, reason: str) -> RunDirectoryError:
    return RunDirectoryError(f"{file}: not a report ({reason}); run the audit again")


def _replace(file: Path, text: str) -> None:
    # A reader, or a run that is killed here, never sees half a file.
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return math.copysign(_LARGEST, value) if isinstance(value, float) and math.isinf(value) else value


def _first_line(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]


def finished_report(directory: Path) -> Report | None:
    """The report of a run that has ended, or None: what makes the same command cheap the second time."""
    return read_report(directory) if (directory / "report.json").is_file() else None
