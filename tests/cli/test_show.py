"""`whatchanged show`: the report again, as text and as JSON."""

import os
import subprocess
import sys

from whatchanged.cli.main import main


def test_shows_what_diff_printed(audit, capsys):
    assert main(["diff", "a", "b", "--out", "run"]) == 0
    printed = capsys.readouterr().out
    for run in ("run", "run/report.json"):
        assert main(["show", run]) == 0
        assert capsys.readouterr() == (printed, "")


def test_json(audit, capsys, elsewhere):
    main(["diff", "a", "b", "--out", "run"])
    capsys.readouterr()
    assert main(["show", "run", "--json"]) == 0
    assert capsys.readouterr() == ((elsewhere / "run" / "report.json").read_text(), "")


def test_what_is_no_report(capsys, elsewhere):
    (elsewhere / "report.json").write_text("{")
    assert main(["show", "."]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: report.json: not a report (")
    assert err.count("\n") == 1


def test_a_terminal_that_knows_only_ascii(audit, elsewhere):
    audit.changes = {"summary": "Öffnet mit „Guten Tag“."}
    main(["diff", "a", "b", "--out", "run"])
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "whatchanged", "show", "run"]
    done = subprocess.run(command, env=ascii_only, capture_output=True, cwd=elsewhere, check=True)
    assert done.stdout.startswith(rb"\xd6ffnet mit")
