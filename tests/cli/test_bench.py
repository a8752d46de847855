"""`whatchanged bench`: its flags reach the library, its result goes to stdout, and bad input is one line."""

import sys
from types import ModuleType

import pytest

from whatchanged.bench.harness import Plan
from whatchanged.bench.harness.rows import BenchResult, Machine
from whatchanged.cli.main import main

RECIPE = "{name: polite, description: Opens politely., plant: {kind: none}}"


@pytest.fixture
def benched(monkeypatch):
    """Stands in for `whatchanged.bench.harness.run`, which would open models."""
    fake = ModuleType("whatchanged.bench.harness.run")
    fake.calls = []

    def run_bench(plan, out, progress, **settings):
        fake.calls.append((plan, out, settings))
        print("a library talks on stdout")
        return BenchResult(
            whatchanged="0", commit="abc", command=plan.command(settings), remeasure=0, methods=(), equal_recall=(),
            extrapolated=(), curve=(), audits=(), behaviours=(), findings=(),
            machine=Machine(cpu="cpu", cores=2, memory_bytes=0, python="3", torch=None),
        )  # fmt: skip

    fake.run_bench = run_bench
    monkeypatch.setitem(sys.modules, "whatchanged.bench.harness.run", fake)
    return fake


def test_flags_reach_the_plan_and_lists_have_commas(benched, capsys):
    words = ["bench", "--methods", "audit,clustering", "--organisms", "a,b", "--budget", "small,standard",
             "--texts", "250,9", "--seeds", "0,1", "--folder", "there", "--remeasure", "0", "--held-out", "30",
             "--margin", "0.01", "--no-coupled", "--out", "made"]  # fmt: skip
    assert main(words) == 0
    ((plan, out, settings),) = benched.calls
    assert plan == Plan(
        methods=("audit", "clustering"), organisms=("a", "b"), budget=("small", "standard"), texts=(250, 9),
        seeds=(0, 1), folder="there", remeasure=0, held_out=30,
    )  # fmt: skip
    assert str(out) == "made"
    assert settings == {"margin": 0.01, "coupled": False}
    stdout, stderr = capsys.readouterr()
    assert stdout.startswith("| method | budget | texts |")
    assert "a library talks" not in stdout
    assert stderr.splitlines()[-1].startswith("bench: made/bench.html")


def test_without_flags_it_is_the_default_plan(benched):
    assert main(["bench", "--out", "made"]) == 0
    assert benched.calls[0][0] == Plan()
    assert benched.calls[0][2] == {}


def test_the_command_of_a_result_asks_for_the_same(benched):
    words = ["bench", "--methods", "audit,clustering", "--seeds", "0,1", "--alpha", "0.1", "--pool", "builtin:safety",
             "--pool", "builtin:code", "--no-coupled", "--out", "made"]  # fmt: skip
    main(words)
    plan, _, settings = benched.calls[0]
    main([*plan.command(settings).split()[1:], "--out", "made"])
    assert benched.calls[1] == benched.calls[0]


def test_shared_settings_may_come_from_the_environment(benched, monkeypatch):
    monkeypatch.setenv("WHATCHANGED_ALPHA", "0.2")
    monkeypatch.setenv("WHATCHANGED_BUDGET", "deep")
    assert main(["bench", "--out", "made"]) == 0
    plan, _, settings = benched.calls[0]
    assert (plan.budget, settings) == (("small",), {"alpha": 0.2})


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "error: Missing option '--out'"),
        (["--budget", "huge"], "error: Invalid value for '--budget': 'huge' is not one of 'small', 'standard', 'deep'"),
        (["--seeds", "0,x"], "error: Invalid value for '--seeds': 'x' is not a valid integer"),
        (["--seeds", ""], "error: Invalid value for '--seeds': '' is not a valid integer"),
        (["--seeds", "-1"], "error: Invalid value for '--seeds': -1 is not in the range x>=0"),
        (["--texts", "1"], "error: Invalid value for '--texts': 1 is not in the range x>=2"),
        (["--remeasure", "-1"], "error: Invalid value for '--remeasure': -1 is not in the range x>=0"),
    ],
)
def test_bad_flags_are_one_line(benched, capsys, words, expected):
    assert main(["bench", *words, *(["--out", "made"] if words else [])]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(expected)
    assert benched.calls == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--methods", "guessing"], "error: unknown method 'guessing': one of audit, auto-interventions, clustering"),
        (["--organisms", "rude"], "error: unknown organism 'rude' in 'organisms': one of polite"),
        (["--folder", "nowhere"], "error: no recipes (*.yaml) in 'nowhere': name another --folder"),
        ([], "error: no organism in 'organisms' can be audited: polite: not made yet, run 'whatchanged organism make"),
    ],
)
def test_what_cannot_be_run_is_one_line(capsys, elsewhere, words, expected):
    pytest.importorskip("pyarrow")
    (elsewhere / "organisms").mkdir()
    (elsewhere / "organisms" / "polite.yaml").write_text(RECIPE)
    assert main(["bench", *words, "--out", "made", "--display", "none"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(expected)
    assert not (elsewhere / "made" / "runs").exists()


def test_without_pyarrow_nothing_is_begun(capsys, monkeypatch, elsewhere):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["bench", "--out", "made", "--display", "none"]) == 2
    assert capsys.readouterr().err == "error: pyarrow is not installed: pip install 'whatchanged[frame]'\n"
    assert not (elsewhere / "made").exists()
