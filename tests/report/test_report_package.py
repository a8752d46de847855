import subprocess
import sys

from whatchanged import report as package


def test_public_names_exist() -> None:
    assert all(hasattr(package, name) for name in package.__all__)
    assert len(set(package.__all__)) == len(package.__all__)


def test_importing_the_package_is_cheap() -> None:
    code = "import sys, whatchanged.report; print({'jinja2', 'rich', 'pandas', 'markupsafe'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
