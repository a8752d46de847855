"""`whatchanged diff BASE CANDIDATE`: the audit."""

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
from whatchanged.cli.output import audit_and_print, talk
from whatchanged.config import FailOn

if TYPE_CHECKING:
    from whatchanged.report import Report


@click.command(epilog=EPILOG)
@model_arguments
@audit_options()
@view_options()
@debug
@click.pass_context
def diff(context: click.Context, /, **_: Any) -> int:
    """Say which behaviours changed from BASE to CANDIDATE.

    A model is a folder, hf/ORG/NAME, a PEFT adapter, a .gguf file or the alias smollm2; modifiers follow
    it as +name=value, for instance smollm2+system=TEXT. The same command again resumes an unfinished run.

    Exits 0 when done and the gate passed, 1 on a fault of ours, 2 on bad input, 3 when a change that
    --fail-on names is confirmed, 4 when that could not be decided, 130 when interrupted.
    """
    view = read_view(context)
    return gate(audit_and_print(read_audit(context), view), view.fail_on)


def gate(report: "Report", fail_on: FailOn) -> int:
    """The exit code; says on stderr what the gate decided, where there is one."""
    from whatchanged.report import exit_code, failing
    from whatchanged.report.numbers import plural

    code = exit_code(report, fail_on)
    if fail_on != "never":
        stopped = plural(len(failing(report, fail_on)), "confirmed change")
        talk(f"gate --fail-on {fail_on}: " + {0: "passed", 3: f"failed, {stopped}", 4: "undecided"}[code])
    return code
