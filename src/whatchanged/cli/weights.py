"""`whatchanged weights BASE CANDIDATE`: the checkpoints alone, nothing is run."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from whatchanged.cli.options import debug, model_arguments, read_view, view_options
from whatchanged.cli.output import result_console, working

if TYPE_CHECKING:
    from rich.console import Console

    from whatchanged.weights import ModuleDiff, TensorDiff, WeightDiff

SHOWN = 12


@click.command()
@model_arguments
@click.option("--toward", help="Third model that the candidate may be a merge with.")
@click.option("--rank", type=click.IntRange(min=1), default=16, show_default=True, help="Singular values a matrix.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    envvar="WHATCHANGED_SEED",
    help="Seed of every random number.",
)
@view_options(only=("display",))
@click.option("--json", "json_", is_flag=True, help="Print the whole comparison as JSON.")
@debug
@click.pass_context
def weights(context: click.Context, /, toward: str | None, rank: int, seed: int, json_: bool, **models: Any) -> int:
    """Say what changed in the weights, and by what kind of intervention.

    The files are read once, tensor by tensor; neither model is loaded or run.
    """
    from whatchanged.weights import weight_diff

    for argument in context.command.params:
        if argument.name in ("base", "candidate") and models[argument.name] is None:
            raise click.MissingParameter(ctx=context, param=argument, param_hint=f"'{argument.name.upper()}'")
    view = read_view(context)
    with working(view.display) as progress:
        diff = weight_diff(models["base"], models["candidate"], toward=toward, rank=rank, seed=seed, progress=progress)
    if json_:
        # Once through pydantic: JSON has no NaN and no infinity, and it writes null for them.
        click.echo(json.dumps(json.loads(diff.model_dump_json()), indent=1))
    else:
        print_weights(diff)
    return 0


def print_weights(diff: "WeightDiff") -> None:
    """The kind and its evidence, the most changed modules, what has no counterpart, and the cost, on stdout."""
    from rich.text import Text

    from whatchanged.report.numbers import duration, memory
    from whatchanged.report.text import one_line

    console = result_console()

    def say(line: str) -> None:
        console.print(Text(one_line(line, 2000)), soft_wrap=True)

    kind = diff.kind
    sure = "" if kind.name == "unknown" else f" ({kind.confidence})"
    say(f"{kind.name}{sure}: {kind.evidence}")
    if diff.modules:
        _print_modules(console, diff.modules)
    for line in _beside(diff.tensors):
        say(line)
    read = memory(diff.bytes_read) if diff.bytes_read >= 2**20 else f"{diff.bytes_read:,} bytes"
    say(f"{read} read of {len(diff.tensors):,} tensors in {duration(diff.seconds)}")


def _print_modules(console: "Console", modules: "Sequence[ModuleDiff]") -> None:
    from rich.table import Table
    from rich.text import Text

    from whatchanged.report.numbers import percent, rate
    from whatchanged.report.text import one_line

    table = Table("layer", "module", box=None, pad_edge=False)
    for heading in ("|dW|/|W|", "changed", "rank", "stable rank", "energy rank"):
        table.add_column(heading, justify="right")
    for m in modules[:SHOWN]:
        one = m.stable_rank is None
        table.add_row(
            "" if m.layer is None else str(m.layer),
            Text(one_line(m.module, 40)),
            "base is 0" if m.relative is None else rate(m.relative),
            percent(m.changed),
            "" if one else "high" if m.rank is None else str(m.rank),
            "" if m.stable_rank is None else f"{m.stable_rank:.1f}",
            "" if one else "many" if m.energy_rank is None else str(m.energy_rank),
        )
    console.print(table)
    if len(modules) > SHOWN:
        console.print(f"and {len(modules) - SHOWN:,} more modules; --json has them all")


def _beside(tensors: "Sequence[TensorDiff]") -> list[str]:
    """One line each for tensors that are absent, added, resized, tied or re-typed."""
    from whatchanged.report.numbers import plural

    lines = []
    for status, words in (("absent", "only in the base"), ("added", "only in the candidate"), ("resized", "resized")):
        names = [t.name for t in tensors if t.status == status]
        if names:
            lines.append(f"{words}: {_listed(names)}")
    lines += [f"tied to the embedding in the {t.tied}: {t.name}" for t in tensors if t.tied]
    if retyped := [t for t in tensors if t.retyped]:
        changes = sorted({f"{t.base_dtype} to {t.candidate_dtype}" for t in retyped})
        lines.append(f"stored otherwise: {plural(len(retyped), 'tensor')}, {', '.join(changes)}")
    return lines


def _listed(names: "Sequence[str]") -> str:
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
