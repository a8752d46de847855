"""stdout carries the result and nothing else; talk and progress go to stderr."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, redirect_stdout
from typing import TYPE_CHECKING

import click

from whatchanged.config import AuditConfig, Display, ViewConfig

if TYPE_CHECKING:
    from rich.console import Console

    from whatchanged.ledger import Progress
    from whatchanged.report import Report


@contextmanager
def working(display: Display) -> Iterator["Progress"]:
    """The progress to hand to a library function. What a library prints meanwhile goes to stderr."""
    from whatchanged.report.display import make_display

    # The display ends first: it may itself stand in for stdout while it is drawn.
    with redirect_stdout(sys.stderr), closing(make_display(display)) as progress:
        yield progress


def talk(line: str) -> None:
    """One line on stderr."""
    click.echo(line, err=True)


def result_console() -> "Console":
    """A console on stdout that colours no numbers."""
    from rich.console import Console

    return Console(highlight=False)


def print_result(report: "Report", as_json: bool) -> None:
    """The report for a person, or report.json, on stdout."""
    from whatchanged.report import print_report, report_json

    if as_json:
        click.echo(report_json(report), nl=False)
    else:
        print_report(report, result_console())


def audit_and_print(config: AuditConfig, view: ViewConfig, audit: "Callable[..., Report] | None" = None) -> "Report":
    """Run or resume the audit (`diff` unless told otherwise), print its report, say on stderr where its files are."""
    from whatchanged.audit import diff
    from whatchanged.ledger import run_directory
    from whatchanged.report import write_report

    directory = view.out or run_directory(config)
    with working(view.display) as progress:
        report = (audit or diff)(**dict(config), out=directory, progress=progress, fail_on=view.fail_on)
    # A run that was already finished has the junit.xml of another call's gate.
    write_report(report, directory, view.fail_on)
    print_result(report, view.json_)
    talk(f"report: {directory / 'report.html'} (report.json and junit.xml beside it)")
    return report
