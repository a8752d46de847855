"""A report as a person sees it on a terminal."""

import io

from rich.console import Console

from whatchanged.report import Report, print_report

# What depends on the machine, in report.json.
MACHINE = {"cost": {"seconds", "peak_memory"}}


def printed(report: Report) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_report(report, console)
    return console.file.getvalue()
