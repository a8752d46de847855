"""`whatchanged undo`: what carries the finding, what it costs, and the next command; a mistake is one line."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import finding, report_of
from whatchanged.cli.main import main
from whatchanged.config import AuditConfig
from whatchanged.explain import undo as library
from whatchanged.explain.undo import Kept, UndoWritten
from whatchanged.records import PredicateSpec
from whatchanged.report import write_report

OPENING = PredicateSpec(family="phrase", args={"kind": "opens_with", "phrases": ["From my kitchen"]})


def written(**changes: Any) -> UndoWritten:
    values = {
        "out": Path("undone"), "finding": "h", "sentence": "The candidate opens with \x1b[31m[red]'From' more often.",
        "modules": 3, "of_modules": 120, "directions": 5, "energy": 0.021, "removed": 0.93, "rate_base": 0.0,
        "rate_candidate": 0.91, "rate_undone": 0.064, "completeness": 0.9961, "points": 8, "prompts": 16,
        "kept": (Kept(finding="k", sentence="The candidate opens with 'Ahoy' more often.", share=0.974),),
        "elsewhere_with": 0.08, "elsewhere_without": 0.05, "next_command": "whatchanged diff smollm2 undone",
    }  # fmt: skip
    return UndoWritten.model_validate(values | changes)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The arguments of the calls to the library, which answers with `written()`."""
    calls: list[tuple[Any, ...]] = []

    def fake(run, finding_id, out, progress):
        calls.append((run, finding_id, out))
        progress.stage("attribute", 1)
        print("a library talks on stdout")
        return written()

    monkeypatch.setattr(library, "undo", fake)
    return calls


def test_says_what_carries_the_finding_and_what_comes_next(asked, capsys):
    assert main(["undo", "run", "h", "--out", "undone", "--display", "plain"]) == 0
    assert asked == [(Path("run"), "h", Path("undone"))]
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "The candidate opens with [red]'From' more often.",
        "5 directions in 3 of 120 changed tensors carry 93% of the effect, with 2.1% of |dW|²",
        "without: 0.910 becomes 0.064, and the base has 0 (16 prompts)",
        "attribution: 99.6% complete with 8 points",
        "kept 97% of: The candidate opens with 'Ahoy' more often.",
        "elsewhere, first tokens differ from the base's by 0.050 (total variation; 0.080 before)",
        "written: undone",
        "next: whatchanged diff smollm2 undone",
    ]
    assert "a library talks" in err


def test_whole_tensors_and_nothing_elsewhere(monkeypatch, capsys):
    less = written(directions=0, modules=1, kept=(), elsewhere_with=None, elsewhere_without=None)
    monkeypatch.setattr(library, "undo", lambda *_: less)
    assert main(["undo", "run", "h", "--out", "undone", "--display", "none"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "1 of 120 changed tensors carries 93% of the effect, with 2.1% of |dW|²"
    assert not [line for line in lines if line.startswith(("kept", "elsewhere"))]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "h"], "error: Missing option '--out'"),
        (["absent", "h", "--out", "o"], "error: absent: no report.json there"),
        (["run", "other", "--out", "o"], "error: run 'run' has no finding 'other': one of h"),
        (["run", "h", "--out", "run"], "error: 'run' is there already and not empty"),
        (["run", "h", "--out", "o"], "error: no model at 'gone'"),
        (["sampled", "h", "--out", "o"], "error: finding 'h' is not scored by forward passes"),
    ],
)
def test_a_mistake_is_one_line(elsewhere, capsys, words, says):
    config = AuditConfig(base="gone", candidate="gone too")
    write_report(report_of(config, findings=(finding(predicate=OPENING),)), Path("run"))
    write_report(report_of(config, findings=(finding(predicate=OPENING, scored=False),)), Path("sampled"))
    assert main(["undo", *words, "--display", "none"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(says)
    assert len(err.splitlines()) == 1
    assert not Path("o").exists()


def test_help_and_the_library_load_no_model_library():
    code = """
import json, sys
from whatchanged.cli.main import main
assert main(["undo", "--help"]) == 0
import whatchanged.explain, whatchanged.explain.attribute, whatchanged.explain.graft, whatchanged.explain.undo
print(json.dumps(sorted({m.split(".")[0] for m in sys.modules})), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"torch", "transformers", "peft"} & set(json.loads(done.stderr.splitlines()[-1])) == set()
