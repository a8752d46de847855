"""`whatchanged show RUN`: a finished run once more."""

from pathlib import Path

import click

from whatchanged.cli.options import debug
from whatchanged.cli.output import print_result


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print report.json.")
@debug
def show(run: Path, as_json: bool) -> int:
    """Print the report of the finished run in the directory RUN.

    RUN may also be a report.json.
    """
    from whatchanged.report import read_report

    print_result(read_report(run), as_json)
    return 0
