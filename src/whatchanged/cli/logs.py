"""`whatchanged logs BASE_LOG CANDIDATE_LOG`: the audit of what was recorded."""

from typing import Any

import click

from whatchanged.cli.diff import gate
from whatchanged.cli.options import EPILOG, audit_options, debug, model_arguments, read_audit, read_view, view_options
from whatchanged.cli.output import audit_and_print

OPTIONS = (
    "intended", "intended_data", "alpha", "margin", "fdr", "seed", "reasoner", "critic", "judge", "rubric",
    "judge_labels",
    "validators", "max_cost",
)  # fmt: skip


@click.command(epilog=EPILOG)
@model_arguments
@audit_options(only=OPTIONS)
@view_options()
@debug
@click.pass_context
def logs(context: click.Context, /, **_: Any) -> int:
    """Say what changed between two recorded logs; no model is needed.

    BASE and CANDIDATE are Inspect logs (.eval, .json), JSONL with messages, lm-eval samples_*.jsonl or CSV. Half of
    the prompts suggest hypotheses, the other half tests them. Repeated samples of a prompt are one unit.

    Exits as 'whatchanged diff' does.
    """
    from whatchanged.compare import logs as compare

    view = read_view(context)
    return gate(audit_and_print(read_audit(context), view, compare), view.fail_on)
