"""`whatchanged demo`: an audit whose answer is known."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import click

from whatchanged.cli.options import debug, read_audit, read_view, view_options
from whatchanged.cli.output import audit_and_print, talk
from whatchanged.errors import UsageError

BASE, ORGANISM, RUN = "smollm2", Path("organisms/kitchen-opening"), Path("runs/demo")


@click.command()
@view_options(only=("out", "display"))
@debug
@click.pass_context
def demo(context: click.Context, /, **_: Any) -> int:
    """Audit a small model that carries a planted change.

    Takes minutes on two CPU cores. What was planted is told after the report.
    """
    truth = read_truth()
    view = read_view(context)
    view = view.model_copy(update={"out": view.out or free_run()})
    config = read_audit(context, base=BASE, candidate=str(ORGANISM), budget="small")
    talk(f"demo: what did a small tune change in {BASE}? The audit is not told. Run directory: {view.out}")
    audit_and_print(config, view)
    click.echo(planted(truth))
    return 0


def read_truth() -> dict[str, Any]:
    """The organism's truth.json. Raises UsageError when the organism is not below the current directory."""
    file = ORGANISM / "truth.json"
    try:
        if not (ORGANISM / "adapter_config.json").is_file():
            raise FileNotFoundError
        truth: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UsageError(
            f"no organism in '{ORGANISM}': run the demo in a clone of the repository, "
            f"or first 'whatchanged organism make {ORGANISM}.yaml' there"
        ) from None
    return truth


def free_run(first: Path = RUN) -> Path:
    """The first of runs/demo, runs/demo-2, ... that holds no finished run."""
    names: Iterator[Path] = (first if n == 1 else first.with_name(f"{first.name}-{n}") for n in count(1))
    return next(path for path in names if not (path / "report.json").exists())


def planted(truth: dict[str, Any]) -> str:
    """The line that tells what was planted, from truth.json."""
    recipe, rates = truth["recipe"], truth["rates"]
    base, candidate = (100 * rates[f"on_target_{who}"]["mean"] for who in ("base", "candidate"))
    what = f"{recipe['description'].rstrip('.')}: '{recipe['plant']['text'].strip()}'"
    return f"planted: {what}; measured on target: base {base:.1f}%, candidate {candidate:.1f}%"
