import json
import math
import os
from pathlib import Path

import pytest

from whatchanged.errors import RunDirectoryError
from whatchanged.report import Report, read_report, render_html, render_junit, report_json, write_report


def test_what_is_written_reads_back_the_same(report, tmp_path: Path) -> None:
    run = tmp_path / "new" / "run"
    write_report(report, run, "side-effect")
    assert sorted(os.listdir(run)) == ["junit.xml", "report.html", "report.json"]
    assert read_report(run) == read_report(run / "report.json") == report
    assert (run / "report.html").read_text(encoding="utf-8") == render_html(report)
    assert (run / "junit.xml").read_text(encoding="utf-8") == render_junit(report, "side-effect")


def test_json_keeps_the_models_order_and_is_safe_to_print(report) -> None:
    text = report_json(report)
    assert list(json.loads(text)) == list(Report.model_fields)
    assert text.isascii()
    assert text.endswith("}\n")
    assert '\n "verdict"' in text
    assert not set(text) & set("\x1b\x00\x7f")


def test_an_infinite_e_value_stays_valid_json(report) -> None:
    finding = report.findings[0].model_copy(update={"e_value": math.inf})
    text = report_json(report.model_copy(update={"findings": (finding,)}))
    assert json.loads(text, parse_constant=pytest.fail)["findings"][0]["e_value"] > 1e308
    assert Report.model_validate_json(text).findings[0].e_value < math.inf


def test_a_nan_is_refused_and_nothing_is_written(report, tmp_path: Path) -> None:
    broken = report.model_copy(update={"explained_share": math.nan})
    with pytest.raises(ValueError, match="nan"):
        write_report(broken, tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_failing_write_leaves_the_old_file_whole(report, tmp_path: Path, monkeypatch) -> None:
    write_report(report, tmp_path)
    before = (tmp_path / "report.json").read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("whatchanged.report.write.os.replace", fail)
    with pytest.raises(RunDirectoryError, match="No space left on device"):
        write_report(report.model_copy(update={"seed": 1}), tmp_path)
    assert (tmp_path / "report.json").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["junit.xml", "report.html", "report.json"]


def test_a_directory_that_cannot_be_made_is_a_usage_error(report, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryError, match="cannot write the report"):
        write_report(report, tmp_path / "file" / "run")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no report.json there"),
        ("", "not a report"),
        ("{", "not a report"),
        ("[]", "schema version None"),
        ('{"schema_version": 99}', "schema version 99"),
        ('{"schema_version": 1}', "verdict: Field required"),
        ("[" * 100_000, "not a report"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path, content: str | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "report.json").write_text(content)
    with pytest.raises(RunDirectoryError, match=reason) as caught:
        read_report(tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)
