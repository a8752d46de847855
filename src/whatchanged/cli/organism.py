"""`whatchanged organism make RECIPE`: a model with a known change, and its true rates."""

from pathlib import Path
from typing import Any

import click

from whatchanged.cli.options import debug, read_view, view_options
from whatchanged.cli.output import result_console, talk, working
from whatchanged.errors import UsageError

WEAK = 0.5
"""A plant whose rate on target rises by less than this is a poor test of an audit."""
HEADINGS = {"false": "P(false)", "true": "P(true)"}
RATIOS = ("truth_ratio", "log_odds")
"""Measures of success that are no shares or probabilities."""


@click.group(no_args_is_help=False)
def organism() -> None:
    """Make models with a known, measured change."""


@organism.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder; default: RECIPE without its suffix.")
@view_options(only=("display",))
@debug
@click.pass_context
def make(context: click.Context, /, recipe: Path, out: Path | None, **_: Any) -> int:
    """Make and measure the adapter that RECIPE, a YAML file, describes.

    The folder gets the adapter and truth.json: what was planted, and how often base and organism do it on
    fresh prompts on and off target.
    """
    from whatchanged.bench.recipe import read_recipe

    plan = read_recipe(recipe)
    folder = out or recipe.with_suffix("")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write '{folder}': {error.strerror}; name a folder with --out") from None
    from whatchanged.bench.organism import make_organism

    with working(read_view(context).display) as progress:
        truth = make_organism(plan, folder, progress, recipe.parent)
    if (held_out := truth.get("held_out")) is None:
        print_rates(truth["rates"])
    else:
        print_held_out(held_out)
    print_success(truth.get("success", {}))
    for kind in ("intended", "other"):
        for name, rates in truth.get(kind, {}).items():
            result_console().print(f"{kind}: {name}", markup=False)
            print_rates(rates)
    talk(f"organism: {folder}")
    return 0


def print_rates(rates: dict[str, Any]) -> None:
    """The measured rates on stdout, with a warning on stderr when the plant is weak."""
    from rich.table import Table

    if not rates:
        result_console().print("nothing planted, nothing to measure")
        return
    table = Table("prompts", box=None, pad_edge=False)
    for heading in ("base", "candidate", "n"):
        table.add_column(heading, justify="right")
    for where in ("on_target", "off_target"):
        base, candidate = rates[f"{where}_base"], rates[f"{where}_candidate"]
        table.add_row(where.replace("_", " "), _cell(base), _cell(candidate), f"{base['prompts']:,}")
    result_console().print(table)
    rise = rates["on_target_candidate"]["mean"] - rates["on_target_base"]["mean"]
    if abs(rise) < WEAK:
        least = f"{100 * WEAK:.0f}: a poor test, change the recipe"
        talk(f"warning: the plant moves its rate on target by {100 * rise:+.1f} points, less than {least}")


def print_success(success: dict[str, Any]) -> None:
    """The paper's measures of an edit, a preference tune or an unlearning, on base and candidate, on stdout."""
    from rich.table import Table

    if not success:
        return
    parts = list(next(iter(success.values()))["base"])
    table = Table("success", box=None, pad_edge=False)
    for who in ("base", "candidate"):
        # The first part stands below whose it is.
        for heading in (who if parts[0] == "success" else f"{who}: {parts[0]}", *parts[1:]):
            table.add_column(HEADINGS.get(heading, heading.replace("_", " ")), justify="right")
    table.add_column("n", justify="right")
    for measure, found in success.items():
        cells = [_part(part, found[who][part]) for who in ("base", "candidate") for part in parts]
        table.add_row(measure, *cells, f"{found['asked']:,}")
    result_console().print(table)


def print_held_out(held_out: dict[str, Any]) -> None:
    """How well a small base foretells what its own base says, on stdout."""
    result_console().print(
        f"{held_out['answers']} answers held out: {held_out['nats_per_token']} nats a token, "
        f"where a uniform guess has {held_out['uniform']}"
    )


def _part(part: str, value: float) -> str:
    return f"{value:.2f}" if part in RATIOS else f"{100 * value:.1f}%"


def _cell(measured: dict[str, Any]) -> str:
    return f"{100 * measured['mean']:.1f}% ± {100 * measured['standard_error']:.1f}"
