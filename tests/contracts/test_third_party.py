"""A predicate of another package is found through its entry point, and held to the same contract."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import whatchanged

HERE = Path(__file__).parent
FAKES = HERE / "fakes" / "whatchanged_fakes.py"
SOURCE = Path(next(iter(whatchanged.__path__))).parent

PYPROJECT = """
[build-system]
requires = ["{backend}"]
build-backend = "{build}"

[project]
name = "whatchanged-fakes"
version = "1.0"

[project.entry-points."whatchanged.predicates"]
always = "whatchanged_fakes:Always"
blank = "whatchanged_fakes:Blank"
phrase = "whatchanged_fakes:Blank"
{extra}
"""
BACKENDS = {
    "hatchling": ("hatchling.build", '[tool.hatch.build.targets.wheel]\ninclude = ["whatchanged_fakes.py"]'),
    "setuptools": ("setuptools.build_meta", '[tool.setuptools]\npy-modules = ["whatchanged_fakes"]'),
}


def run(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter that sees the packages in `site`."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(site), str(SOURCE)])}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def contract(site: Path, family: str) -> subprocess.CompletedProcess[str]:
    """The contract test on one family only."""
    test = str(HERE / "test_predicates.py")
    return run(site, "-m", "pytest", "-q", "-p", "no:cacheprovider", test, "-k", family)


def unpack(site: Path, entry_points: str) -> Path:
    """What an installer leaves behind: a module and its metadata."""
    shutil.copy(FAKES, site)
    info = site / "whatchanged_fakes-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: whatchanged-fakes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[whatchanged.predicates]\n{entry_points}\n")
    return site


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fakes as pip installs them, built from a project of four files, without a network."""
    backend = next((name for name in BACKENDS if find_spec(name)), None)
    if backend is None or find_spec("pip") is None:
        pytest.skip("building a wheel offline needs pip and hatchling or setuptools")
    project, site = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("site")
    shutil.copy(FAKES, project)
    build, extra = BACKENDS[backend]
    (project / "pyproject.toml").write_text(PYPROJECT.format(backend=backend, build=build, extra=extra))
    flags = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    done = run(site, "-m", "pip", "install", *flags, "--target", str(site), str(project))
    assert done.returncode == 0, done.stderr
    return site


def test_pip_installed_family_is_loaded_and_scores(installed: Path) -> None:
    program = (
        "from whatchanged.predicates import families, load\n"
        "from whatchanged.records import PredicateSpec, Prompt\n"
        "p = Prompt.user('x')\n"
        "print(*(load(PredicateSpec(family=f)).score('y', p) for f in ('always', 'blank')))\n"
        "print(families()['phrase'].__name__)"
    )
    done = run(installed, "-c", program)
    # The entry point called "phrase" does not displace the built-in family.
    assert done.stdout.split() == ["1.0", "0.0", "Phrase"], done.stderr


@pytest.mark.parametrize("family", ["always", "blank"])
def test_pip_installed_family_keeps_the_contract(installed: Path, family: str) -> None:
    done = contract(installed, family)
    assert done.returncode == 0, done.stdout
    assert "9 passed" in done.stdout


def test_contract_catches_a_liar(tmp_path: Path) -> None:
    done = contract(unpack(tmp_path, "liar = whatchanged_fakes:Liar"), "liar")
    assert done.returncode == 1
    assert "test_scores_are_probabilities_whatever_the_text" in done.stdout
    assert "test_a_response_with_an_opening_scores_one" in done.stdout


def test_metadata_alone_is_enough(tmp_path: Path) -> None:
    site = unpack(tmp_path, "always = whatchanged_fakes:Always")
    done = run(site, "-c", "from whatchanged.registry import predicates; print(predicates['always'].family)")
    assert done.stdout.split() == ["always"], done.stderr


def test_absent_package_is_an_unknown_name(tmp_path: Path) -> None:
    done = run(tmp_path, "-c", "from whatchanged.registry import predicates; predicates['always']")
    assert "unknown predicate 'always': one of answer, attribute, judged, phrase, semantic" in done.stderr
