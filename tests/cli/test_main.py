"""Every way in which a command ends: its exit code and its one line."""

import click
import pytest

from whatchanged.cli.main import COMMANDS, LazyGroup, cli, explain, main
from whatchanged.errors import AccessError, CheckpointError, MissingExtra, SpecError
from whatchanged.ledger import Ledger

DIFF = ["diff", "a", "b"]


def error_line(capsys, code, *args):
    """Run, and return the error: the one line on stderr that is not progress."""
    assert main(args) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    lines = [line for line in captured.err.splitlines() if line and not line.startswith(("screen", "a lib"))]
    assert len(lines) == 1, captured.err
    return lines[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_groups_help_says_what_the_command_says(name):
    command = cli.get_command(click.Context(cli), name)
    assert isinstance(cli, LazyGroup)
    assert command.get_short_help_str(200) == COMMANDS[name][1]
    assert command.name == name


def test_help_lists_every_command(capsys):
    assert main([]) == 0
    alone = capsys.readouterr().out
    assert main(["--help"]) == 0
    assert capsys.readouterr().out == alone
    for name, (_, text) in COMMANDS.items():
        assert f"{name}  " in alone
        assert text in alone


def test_version(capsys):
    import whatchanged

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"whatchanged {whatchanged.__version__}\n"


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["dif"], "error: No such command 'dif'; see 'whatchanged --help'"),
        (["organism"], "error: Missing command; see 'whatchanged organism --help'"),
        (["diff"], "error: Missing argument 'BASE'; see 'whatchanged diff --help'"),
        (["diff", "a"], "error: Missing argument 'CANDIDATE'; see 'whatchanged diff --help'"),
        ([*DIFF, "--fdr", "none"], "error: Invalid value for '--fdr': 'none' is not one of"),
        ([*DIFF, "--alpha", "2"], "error: Invalid value for '--alpha': 2.0 is not in the range 0<x<1; see"),
        ([*DIFF, "--alpha", "many"], "error: Invalid value for '--alpha': 'many' is not a valid float; see"),
        ([*DIFF, "--alpha", "nan"], "error: alpha=nan: "),
        ([*DIFF, "--max-minutes", "0"], "error: Invalid value for '--max-minutes': 0.0 is not in the range"),
        ([*DIFF, "--seed", "1.5"], "error: Invalid value for '--seed': '1.5' is not a valid integer; see"),
        ([*DIFF, "--config", "absent.yaml"], "error: config file absent.yaml: "),
        (["show", "absent"], "error: absent: no report.json there; name a finished run's directory"),
    ],
)
def test_bad_usage_is_one_line_and_2(audit, capsys, args, expected):
    assert error_line(capsys, 2, *args).startswith(expected)
    assert audit.configs == []


@pytest.mark.parametrize(
    "error",
    [
        SpecError("unknown modifier 'sytem' in 'a+sytem=x': one of base, dtype, noise, quantize, steer, system"),
        SpecError("no model at '/absent': give an existing folder or .gguf file, hf/ORG/NAME, or the alias"),
        CheckpointError("'m/pytorch_model.bin' is a pickle: save it as safetensors"),
        MissingExtra("torch", "hf"),
        AccessError("a chat model", "attribution", "text", "weights"),
    ],
)
def test_the_callers_errors_are_2(audit, capsys, error):
    audit.error = error
    assert error_line(capsys, 2, *DIFF) == f"error: {error}"


def test_unwritable_run_directory(audit, capsys, elsewhere):
    (elsewhere / "file").write_text("")
    audit.before = lambda config, out: (Ledger(out, config), None)[1]
    line = error_line(capsys, 2, *DIFF, "--out", "file/run")
    assert line == "error: cannot write run directory 'file/run': Not a directory; choose another with --out"


def test_run_directory_of_other_settings(audit, capsys):
    audit.before = lambda config, out: (Ledger(out, config), None)[1]
    assert main([*DIFF, "--out", "run"]) == 0
    capsys.readouterr()
    line = error_line(capsys, 2, *DIFF, "--out", "run", "--alpha", "0.1")
    assert line.startswith("error: 'run' holds a run with alpha=0.05, not 0.1: ")


def test_interrupted_is_130(audit, capsys):
    audit.error = KeyboardInterrupt()
    assert error_line(capsys, 130, *DIFF) == "interrupted; the same command resumes"


def test_a_fault_is_1_and_named(audit, capsys, elsewhere):
    audit.before = lambda config, out: (Ledger(out, config), None)[1]
    audit.error = RuntimeError("shapes\n \x1b[31m(3, 4) and (5,)")
    line = error_line(capsys, 1, *DIFF, "--out", "run")
    assert line.startswith("error: RuntimeError: shapes [31m(3, 4) and (5,); ")
    assert (elsewhere / "run" / "config.json").is_file()


def test_a_truncated_file_is_a_fault_and_no_interruption(audit, capsys):
    audit.error = EOFError("Ran out of input")
    assert error_line(capsys, 1, *DIFF).startswith("error: EOFError: Ran out of input; ")


def test_a_fault_without_words_is_named():
    assert explain(MemoryError())[1].startswith("error: MemoryError; ")


def test_a_long_message_is_cut():
    code, line = explain(SpecError("x" * 5000))
    assert code == 2
    assert len(line) < 1100


@pytest.mark.parametrize("how", ["group", "command", "environment"])
def test_debug_shows_the_traceback(audit, capsys, monkeypatch, how):
    audit.error = RuntimeError("broken")
    if how == "environment":
        monkeypatch.setenv("WHATCHANGED_DEBUG", "1")
    args = {"group": ["--debug", *DIFF], "command": [*DIFF, "--debug"], "environment": DIFF}[how]
    assert main(args) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("error: RuntimeError: broken; ")


def test_debug_off(audit, capsys, monkeypatch):
    monkeypatch.setenv("WHATCHANGED_DEBUG", "0")
    audit.error = RuntimeError("broken")
    assert error_line(capsys, 1, *DIFF).startswith("error: RuntimeError: broken; ")
