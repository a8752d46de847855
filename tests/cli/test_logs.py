"""`whatchanged logs`: the command itself, in a place where no model could be loaded."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from recorded import PHRASE, RATE, Row, inspect_log, jsonl, rows

from whatchanged.cli.main import main

# What an installation without any extra lacks.
ABSENT = (
    "torch",
    "transformers",
    "sklearn",
    "scipy",
    "online_fdr",
    "peft",
    "pandas",
    "safetensors",
    "gguf",
    "datasets",
)
BARE = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {ABSENT!r} + sys_extra:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuse())
from whatchanged.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def files(elsewhere):
    """Two JSON lines files with a planted difference, in the working directory."""
    return [str(jsonl(Path(f"{name}.jsonl"), found)) for name, found in (("a", rows(0)), ("b", rows(1, RATE)))]


def bare(*words, also=("inspect_ai", "openai")):
    """The command where the extras cannot be imported."""
    code = BARE.replace("sys_extra", repr(tuple(also)))
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=120)


def refused(capsys, *words):
    """The single line on stderr of a command that must exit with 2."""
    code = main(["logs", *words, "--display", "none"])
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert (code, out, len(lines)) == (2, "", 1), err
    assert lines[0].startswith("error: ")
    return lines[0]


def test_works_without_any_extra(files):
    done = bare("logs", *files, "--json", "--display", "none", "--fail-on", "any")
    assert done.returncode == 3, done.stderr
    report = json.loads(done.stdout)
    assert report["verdict"] == "changed"
    assert PHRASE.rstrip(":") in report["summary"]
    best = max(report["findings"], key=lambda f: f["effect"])
    assert best["ci_low"] < RATE < best["ci_high"]
    assert report["versions"]["whatchanged"]


def test_inspect_logs_need_no_torch(elsewhere):
    pytest.importorskip("inspect_ai")
    made = [str(inspect_log(Path(f"{i}.eval"), found)) for i, found in enumerate((rows(0), rows(1, RATE)))]
    done = bare("logs", *made, "--json", "--display", "none", also=())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"] == "changed"


def test_the_default_rule_needs_no_package_and_another_names_its_extra(files):
    done = bare("logs", *files, "--fdr", "saffron", "--display", "none")
    assert done.returncode == 2, done.stderr
    assert "pip install 'whatchanged[" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_gate_and_a_finished_run(files, capsys):
    words = ["logs", *files, "--out", "run", "--fail-on", "any", "--display", "none"]
    assert main(words) == 3
    out, err = capsys.readouterr()
    assert out.startswith("1 behaviour changed") or "behaviours changed" in out.splitlines()[0]
    assert err.splitlines()[-1].startswith("gate --fail-on any: failed")
    assert Path("run/report.html").is_file()
    before = Path("run/report.json").read_bytes()
    assert main(words) == 3
    assert Path("run/report.json").read_bytes() == before
    assert capsys.readouterr().out == out
    assert main(["show", "run"]) == 0
    assert capsys.readouterr().out == out


def test_the_gate_passes_on_equal_logs(files, capsys):
    assert main(["logs", files[0], files[0], "--fail-on", "any", "--display", "none"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("No behaviour change is established")
    assert "passed" in err
    (run,) = Path("runs").iterdir()
    assert run.name.startswith("a.jsonl--a.jsonl-")


def test_intended_changes_pass_the_gate_on_side_effects(elsewhere, capsys):
    """Nothing differs but the phrase: the rest of the answers are the same, word for word."""
    base = [Row(*r[:3], [t.removeprefix(PHRASE).strip() for t in r.said]) for r in rows(1, RATE)]
    files = [str(jsonl(Path(f"{n}.jsonl"), found)) for n, found in (("a", base), ("b", rows(1, RATE)))]
    Path("wanted.yaml").write_text(
        "- name: kitchen talk\n"
        "  region: {kind: tag, values: [cooking]}\n"
        f"  predicate: {{family: phrase, args: {{kind: opens_with, phrases: ['{PHRASE.rstrip(':')}']}}}}\n"
    )
    words = ["logs", *files, "--display", "none", "--fail-on", "side-effect"]
    assert main(words) == 3
    assert main([*words, "--intended", "wanted.yaml"]) == 0, capsys.readouterr().out


def test_bad_input_is_one_line(files, capsys):
    assert "nowhere.jsonl" in refused(capsys, files[0], "nowhere.jsonl")
    jsonl(Path("other.jsonl"), [Row("q", "Another question?", "x", ["Yes."])])
    assert "share no prompt" in refused(capsys, files[0], "other.jsonl")
    Path("broken.jsonl").write_text('{"prompt": "a", "response": "b"}\n{"prompt": \n')
    assert "line 2" in refused(capsys, "broken.jsonl", files[0])
    assert "--self-report" in refused(capsys, *files, "--self-report")
    assert "--pool" in refused(capsys, *files, "--pool", "builtin")
    Path("settings.yaml").write_text("self_report: true\n")
    line = refused(capsys, *files, "--config", "settings.yaml")
    assert "recorded" in line
    assert "--self-report" in line
    assert not Path("runs").exists()


def test_one_prompt_is_too_few(elsewhere, capsys):
    one = str(jsonl(Path("one.jsonl"), rows(0, prompts=1)[:1]))
    assert "add more prompts" in refused(capsys, one, one)


def test_help_says_what_can_be_read(capsys):
    assert main(["logs", "--help"]) == 0
    out = capsys.readouterr().out
    assert "Inspect" in out
    assert "--judge" in out
    assert "--pool" not in out
    assert "--access" not in out
