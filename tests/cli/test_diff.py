"""`whatchanged diff`: what goes to stdout, what to stderr, and the gate."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.cli.conftest import finding, report_of
from whatchanged.cli.main import main
from whatchanged.report import Report


def test_prints_the_report_and_says_where_the_files_are(audit, capsys):
    assert main(["diff", "a", "b"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("1 change in behaviour is established.\n")
    assert "effect +0.900" in out
    (directory,) = audit.outs
    assert err.splitlines()[-1] == f"report: {directory}/report.html (report.json and junit.xml beside it)"
    assert (directory / "report.html").is_file()


def test_json_is_all_there_is_on_stdout(audit, capsys):
    assert main(["diff", "a", "b", "--json", "--out", "run"]) == 0
    out, err = capsys.readouterr()
    assert Report.model_validate_json(out) == report_of(audit.configs[0])
    assert out == Path("run/report.json").read_text()
    assert "a library talks on stdout" in err


INTENDED = {"findings": (finding(intent="intended"),)}
NOTHING = {"verdict": "no_change_found", "findings": ()}
OPEN = {"verdict": "inconclusive", "findings": (finding(status="inconclusive"),)}


@pytest.mark.parametrize(
    ("changes", "fail_on", "code", "line"),
    [
        ({}, "never", 0, None),
        (OPEN, "never", 0, None),
        ({}, "any", 3, "gate --fail-on any: failed, 1 confirmed change"),
        ({}, "side-effect", 3, "gate --fail-on side-effect: failed, 1 confirmed change"),
        (INTENDED, "any", 3, "gate --fail-on any: failed, 1 confirmed change"),
        (INTENDED, "side-effect", 0, "gate --fail-on side-effect: passed"),
        (NOTHING, "any", 0, "gate --fail-on any: passed"),
        (OPEN, "any", 4, "gate --fail-on any: undecided"),
    ],
)
def test_gate(audit, capsys, changes, fail_on, code, line):
    audit.changes = changes
    assert main(["diff", "a", "b", "--fail-on", fail_on]) == code
    err = capsys.readouterr().err
    assert (line in err.splitlines()) if line else ("gate" not in err)


def test_junit_knows_the_gate_of_the_last_call(audit):
    for fail_on, failures in (("any", 1), ("never", 0), ("side-effect", 1)):
        main(["diff", "a", "b", "--out", "run", "--fail-on", fail_on])
        assert len(list(ElementTree.parse("run/junit.xml").iter("failure"))) == failures


def test_no_display_no_talk_but_where_the_files_are(audit, capsys):
    assert main(["diff", "a", "b", "--display", "none", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["verdict"] == "changed"
    assert [line.split(":")[0] for line in err.splitlines()] == ["a library talks on stdout", "report"]
