"""`whatchanged screen BASE CANDIDATE`: forward passes only."""

import json
from typing import TYPE_CHECKING, Any

import click

from whatchanged.cli.options import (
    EPILOG,
    audit_options,
    debug,
    model_arguments,
    read_audit,
    read_view,
    view_options,
)
from whatchanged.cli.output import result_console, talk, working

if TYPE_CHECKING:
    from whatchanged.report.model import ScreenReport

SETTINGS = (
    "pool", "budget", "max_minutes", "temperature", "seed", "reasoner", "finders", "library", "self_report", "max_cost",
    "identity_shortcut",
)  # fmt: skip


@click.command(epilog=EPILOG)
@model_arguments
@audit_options(only=SETTINGS)
@view_options(only=("out", "display", "json_"))
@debug
@click.pass_context
def screen(context: click.Context, /, **_: Any) -> int:
    """Say where two models differ, by forward passes alone.

    P(change) is the probability that a response differs when both models share their random numbers.
    Nothing is confirmed here: 'whatchanged diff' does that.
    """
    from whatchanged.audit import screen as run_screen
    from whatchanged.ledger import run_directory

    config, view = read_audit(context), read_view(context)
    directory = view.out or run_directory(config)
    with working(view.display) as progress:
        report = run_screen(**dict(config), out=directory, progress=progress)
    if view.json_:
        # Once through pydantic: JSON has no NaN and no infinity, and it writes null for them.
        click.echo(json.dumps(json.loads(report.model_dump_json()), indent=1))
    else:
        print_screen(report)
    talk(f"evidence: {directory}")
    return 0


def print_screen(report: "ScreenReport") -> None:
    """Means, P(change) per category and the leads, on stdout."""
    from rich.table import Table
    from rich.text import Text

    from whatchanged.report.labels import lead_name, searches
    from whatchanged.report.numbers import percent, rate
    from whatchanged.report.text import one_line

    d = report.divergence
    console = result_console()
    console.print(
        f"P(change) {rate(d.p_change)} (noise floor {rate(d.noise_p_change)}), "
        f"mean total variation {rate(d.mean_tv)} a token (noise floor {rate(d.noise_tv)})",
        soft_wrap=True,
    )
    table = Table("category", box=None, pad_edge=False)
    for heading in ("prompts", "P(change)"):
        table.add_column(heading, justify="right")
    for row in sorted(report.coverage, key=lambda row: -(row.p_change or 0.0)):
        table.add_row(Text(one_line(row.category, 40)), f"{row.discovery_prompts:,}", rate(row.p_change))
    console.print(table)
    for line in searches(report.finders):
        console.print(Text(f"beyond the pool: {one_line(line, 300)}"), soft_wrap=True)
    for rank, lead in enumerate(sorted(report.leads, key=lambda lead: -lead.share), 1):
        line = f"L{rank} '{one_line(lead_name(lead), 60)}' {percent(lead.share)} of the divergence"
        console.print(Text(line), soft_wrap=True)
    if not report.leads:
        console.print("no leads")
