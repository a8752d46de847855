"""`whatchanged bench`: what methods make of models with a known change."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from whatchanged.bench.harness import Plan
from whatchanged.cli.options import F, audit_options, debug, read_audit, read_view, view_options
from whatchanged.cli.output import talk, working
from whatchanged.config import AuditConfig, BudgetName

# Settings that all audits of a bench have in common.
SHARED = (
    "pool", "max_minutes", "alpha", "margin", "fdr", "temperature", "coupled", "access",
    "reasoner", "critic", "judge", "rubric", "finders", "max_cost", "identity_shortcut", "cluster_by",
)  # fmt: skip


# A plan's flags are no settings of one audit, whatever they are called.
OF_PLAN = "plan_"


class Listed(click.ParamType["tuple[Any, ...]"]):
    """Values with commas between them."""

    def __init__(self, of: "click.ParamType[Any]") -> None:
        self.of, self.name = of, "a,b,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """Each part as its own type has it. Raises BadParameter."""
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(self.of.convert(part, param, ctx) for part in parts)


def plan_options(command: F) -> F:
    """A flag for each field of `Plan`."""
    kinds: dict[str, Any] = {
        "methods": Listed(click.STRING),
        "organisms": Listed(click.STRING),
        "budget": Listed(click.Choice(get_args(BudgetName))),
        "texts": Listed(click.IntRange(min=2)),
        "max_decoded_tokens": Listed(click.IntRange(min=0)),
        "seeds": Listed(click.IntRange(min=0)),
        "folder": click.Path(path_type=Path),
        "remeasure": click.IntRange(min=0),
        "held_out": click.IntRange(min=1),
    }
    for name, field in reversed(Plan.model_fields.items()):
        # As the user would write it.
        default = ",".join(map(str, field.default)) if isinstance(field.default, tuple) else str(field.default)
        decorate: Callable[[F], F] = click.option(
            f"--{name.replace('_', '-')}",
            OF_PLAN + name,
            type=kinds[name],
            default=default or None,
            show_default=bool(default),
            help=field.description,
        )
        command = decorate(command)
    return command


@click.command(epilog="From --pool on, options are environment variables and --config keys as in 'whatchanged diff'.")
@plan_options
@audit_options(only=SHARED)
@view_options(only=("out", "display"))
@debug
@click.pass_context
def bench(context: click.Context, /, **flags: Any) -> int:
    """Say what methods find in models with a known change.

    Each report is scored against what was planted, and each finding is measured again on fresh prompts. Values with
    commas are lists: every method is run at every budget and seed on every organism. The directory --out gets Parquet
    tables, summary.json and bench.html; Markdown tables go to stdout. The same command resumes.
    """
    view = read_view(context)
    if view.out is None:
        raise click.MissingParameter(ctx=context, param_hint="'--out'", param_type="option")
    from whatchanged.bench.harness.run import run_bench
    from whatchanged.bench.harness.store import PAGE
    from whatchanged.bench.harness.table import markdown

    asked = {name: flags[OF_PLAN + name] for name in Plan.model_fields}
    plan = Plan.model_validate({name: value for name, value in asked.items() if value is not None})
    with working(view.display) as progress:
        result = run_bench(plan, view.out, progress, **shared(context))
    click.echo(markdown(result), nl=False)
    talk(f"bench: {view.out / PAGE} (Parquet tables and summary.json beside it)")
    return 0


def shared(context: click.Context) -> dict[str, Any]:
    """The settings of all audits that were given: by flag, or in the --config file."""
    given = read_audit(context, base="-", candidate="-")
    return {
        name: getattr(given, name) for name in SHARED if getattr(given, name) != AuditConfig.model_fields[name].default
    }
