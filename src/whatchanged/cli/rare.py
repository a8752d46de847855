"""`whatchanged rare BASE CANDIDATE --says PHRASE`: how often, where it is too rare to count."""

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
from whatchanged.records import PredicateSpec

if TYPE_CHECKING:
    from whatchanged.elicit import RareRate, RareSide

SETTINGS = ("pool", "budget", "alpha", "temperature", "seed")


@click.command(epilog=EPILOG)
@model_arguments
@click.option("--says", multiple=True, metavar="PHRASE", help="Words that the answer contains; repeat for any of them.")
@click.option("--predicate", metavar="JSON", help="Any predicate instead: its family and args.")
@click.option(
    "--samples", type=click.IntRange(min=1), default=4096, show_default=True, help="Answers drawn for each model."
)
@audit_options(only=SETTINGS)
@view_options(only=("out", "display"))
@click.option("--json", "json_", is_flag=True, help="Print the rates as JSON.")
@debug
@click.pass_context
def rare(
    context: click.Context, /, says: tuple[str, ...], predicate: str | None, samples: int, json_: bool, **_: Any
) -> int:
    """Say how often two models do what they do rarely.

    Some answers are drawn from amplified logits, where what the intervention brought in is common, and count for as
    little as they are likely. More --samples in the same directory go on from those that are there.
    """
    from whatchanged.elicit.rare import rare as estimate
    from whatchanged.elicit.rare import rare_directory

    spec, config, view = _spec(context, says, predicate), read_audit(context), read_view(context)
    directory = view.out or rare_directory(config, spec)
    with working(view.display) as progress:
        found = estimate(**dict(config), spec=spec, samples=samples, out=directory, progress=progress)
    if json_:
        click.echo(found.model_dump_json(indent=1))
    else:
        print_rare(found)
    talk(f"evidence: {directory}")
    return 0


def _spec(context: click.Context, says: tuple[str, ...], predicate: str | None) -> PredicateSpec:
    if bool(says) == (predicate is not None):
        raise click.UsageError("give either --says PHRASE or --predicate JSON", ctx=context)
    if predicate is None:
        return PredicateSpec(family="phrase", args={"kind": "contains", "phrases": list(says)})
    try:
        return PredicateSpec.model_validate(json.loads(predicate))
    except ValueError:
        example = '{"family": "attribute", "args": {"name": "refusal"}}'
        raise click.BadParameter(f"not a predicate; write, for example, {example}", ctx=context) from None


def print_rare(found: "RareRate") -> None:
    """Both rates with their intervals, what they rest on, and what brute force would take, on stdout."""
    from rich.table import Table
    from rich.text import Text

    from whatchanged.predicates import load
    from whatchanged.report.numbers import plural
    from whatchanged.report.text import one_line

    behaviour = load(found.predicate).describe("more").removesuffix(" more often")
    asked = f"{plural(found.samples, 'answer')} a model to {plural(found.prompts, 'prompt')}"
    console = result_console()
    console.print(Text(one_line(f"{behaviour}: {asked}", 2000)), soft_wrap=True)
    table = Table("", box=None, pad_edge=False)
    for heading in ("rate", f"{100 * found.confidence:g}% interval", "effective answers", "tokens", "brute force"):
        table.add_column(heading, justify="right")
    for name, side in (("base", found.base), ("candidate", found.candidate)):
        table.add_row(name, *_row(side))
    console.print(table)
    console.print("tokens: a token of an amplified answer counts twice, since both models step", soft_wrap=True)
    console.print("brute force: tokens of plain answers for an interval as narrow", soft_wrap=True)


def _row(side: "RareSide") -> tuple[str, ...]:
    from whatchanged.report.numbers import rate

    return (
        rate(side.rate),
        f"{rate(side.low)} to {rate(side.high)}",
        f"{side.effective:,.0f}",
        f"{side.decoded_tokens:,}",
        f"{side.brute_force_tokens:,}",
    )
