"""Starting is cheap: help and `import whatchanged` load no model library and take under half a second."""

import json
import subprocess
import sys
import time

import pytest

HEAVY = {"torch", "transformers", "peft", "sklearn", "scipy", "pandas", "datasets", "inspect_ai"}
LIGHT_TOO = HEAVY | {"numpy", "pydantic", "yaml", "rich", "jinja2"}
RUN = "import sys, json; {}; print(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})), file=sys.stderr)"


def loaded(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", RUN.format(code)], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


def help_of(*words: str) -> str:
    return f"from whatchanged.cli.main import main; assert main({[*words, '--help']!r}) == 0"


@pytest.mark.parametrize("code", ["import whatchanged", "import whatchanged.cli.main", help_of()])
def test_the_outside_loads_next_to_nothing(code):
    assert loaded(code) & LIGHT_TOO == set()


@pytest.mark.parametrize("words", [("diff",), ("screen",), ("show",), ("demo",), ("bench",), ("organism", "make")])
def test_a_commands_help_loads_no_model_library(words):
    assert loaded(help_of(*words)) & HEAVY == set()


def test_show_needs_no_model_library(audit, elsewhere):
    from whatchanged.cli.main import main

    main(["diff", "a", "b", "--out", "run"])
    code = "from whatchanged.cli.main import main; assert main(['show', 'run']) == 0"
    assert loaded(code) & HEAVY == set()


def best_of_five(*words: str) -> float:
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], capture_output=True, check=True)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


@pytest.mark.parametrize("words", [("-c", "import whatchanged"), ("-m", "whatchanged", "--help")])
def test_starts_in_under_half_a_second(words):
    assert best_of_five(*words) - best_of_five("-c", "pass") < 0.5


def test_python_m_is_the_command():
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "whatchanged", *words], capture_output=True, text=True)

    assert run("--version").stdout.startswith("whatchanged ")
    wrong = run("show", "absent")
    assert wrong.returncode == 2
    assert wrong.stderr == "error: absent: no report.json there; name a finished run's directory\n"
