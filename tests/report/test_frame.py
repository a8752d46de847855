import sys

import pytest

from whatchanged.errors import MissingExtra
from whatchanged.report.frame import COLUMNS


def test_one_row_a_finding_with_numbers_as_numbers(report) -> None:
    pytest.importorskip("pandas", reason="pandas is an optional extra")
    frame = report.to_frame()
    assert list(frame.columns) == list(COLUMNS)
    assert list(frame["id"]) == [finding.id for finding in report.findings]
    row = frame.set_index("id").loc["h-refusal"]
    assert row["effect"] == 0.163
    assert row["region"].startswith("prompts that mention 'vaccine'")
    assert row["args"] == '{"name": "refusal"}'
    assert tuple(row[["n_labelled", "labelled_effect", "labelled_lower", "labelled_upper"]]) == (60, 0.131, 0.022, 0.24)
    assert frame["labelled_effect"].isna().sum() == 2
    assert (row["leads"], row["merged"], row["examples"]) == ("lead-1 gone", 2, 2)
    assert frame["effect"].dtype.kind == "f"
    assert [finder for finder in frame["finder"] if isinstance(finder, str)] == ["vocabulary-sweep"]
    assert frame.set_index("id").loc["h-opening", "finder"] == "vocabulary-sweep"


def test_no_finding_gives_an_empty_frame_with_its_columns(empty_report) -> None:
    pytest.importorskip("pandas", reason="pandas is an optional extra")
    assert list(empty_report.to_frame().columns) == list(COLUMNS)


def test_without_pandas_the_extra_is_named(report, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match=r"whatchanged\[frame\]"):
        report.to_frame()
