import json
import subprocess
import sys

import pytest

from whatchanged.errors import LogError
from whatchanged.recordings import read_log

ROW = {"prompt": "a", "response": "b"}
LM_EVAL = {"doc_id": 0, "arguments": [["a", {}]], "resps": [["b"]], "filtered_resps": ["b"]}


@pytest.mark.parametrize(
    ("name", "row", "kind"),
    [
        ("l.jsonl", ROW, "jsonl"),
        ("l.NDJSON", ROW, "jsonl"),
        ("l.jsonl", LM_EVAL, "lm-eval"),
        ("samples_t_2025.jsonl", LM_EVAL, "lm-eval"),
    ],
)
def test_the_kind_is_guessed_from_name_and_first_row(tmp_path, name, row, kind):
    path = tmp_path / name
    path.write_text("\n" + json.dumps(row) + "\n")
    assert read_log(str(path)).kind == kind


def test_a_named_kind_wins_over_the_name(tmp_path):
    path = tmp_path / "samples_of_mine.jsonl"
    path.write_text(json.dumps(ROW))
    assert read_log(f"jsonl:{path}").kind == "jsonl"
    with pytest.raises(LogError, match=r"line 1: .* write jsonl:PATH"):
        read_log(str(path))
    table = tmp_path / "l.txt"
    table.write_text("prompt,response\na,b\n")
    assert read_log(f"csv:{table}").kind == "csv"


def test_specs_that_name_no_log_say_what_would(tmp_path):
    (tmp_path / "l.txt").write_text("")
    (tmp_path / "l.jsonl").write_text("{")
    for spec, reason in [
        (str(tmp_path / "l.txt"), "suffix tells no kind.*csv, inspect, jsonl, lm-eval"),
        ("nowhere.jsonl", "no such file.*csv, inspect, jsonl, lm-eval"),
        ("tsv:l.tsv", "no such file"),
        ("csv:nowhere.csv", "no such file"),
        ("", "suffix tells no kind"),
        (str(tmp_path / "l.jsonl"), "line 1: not JSON"),
    ]:
        with pytest.raises(LogError, match=reason):
            read_log(spec)


def test_reading_plain_logs_needs_no_heavy_library(tmp_path):
    path = tmp_path / "l.jsonl"
    path.write_text(json.dumps(ROW))
    code = (
        "import sys; from whatchanged.recordings import pair_logs, read_log\n"
        f"log = read_log({str(path)!r}); assert pair_logs(log, log).prompts\n"
        "heavy = {'torch', 'transformers', 'inspect_ai', 'sklearn', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
