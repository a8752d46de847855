"""`whatchanged undo RUN FINDING --out DIR`: an adapter that takes one finding back."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whatchanged.cli.options import debug, read_view, view_options
from whatchanged.cli.output import result_console, working

if TYPE_CHECKING:
    from whatchanged.explain.undo import UndoWritten


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("finding")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the adapter; a new one.")
@view_options(only=("display",))
@debug
@click.pass_context
def undo(context: click.Context, /, run: Path, finding: str, out: Path, **_: Any) -> int:
    """Write an adapter that takes one finding of a run back.

    RUN is a finished run's directory; the adapter is its candidate without that finding. FINDING is the finding's id,
    as report.json gives it. The finding must be about how answers open. Findings that were intended are spared as far
    as that goes. Audit the result like any other candidate.
    """
    from whatchanged.explain.undo import undo as write_undo

    with working(read_view(context).display) as progress:
        written = write_undo(run, finding, out, progress)
    print_undo(written)
    return 0


def print_undo(written: "UndoWritten") -> None:
    """What carries the finding, what its removal leaves and costs, and the next command, on stdout."""
    from rich.text import Text

    from whatchanged.explain.undo import told_spilt
    from whatchanged.report.numbers import percent, plural, rate
    from whatchanged.report.text import one_line

    tensors = f"{written.modules:,} of {plural(written.of_modules, 'changed tensor')}"
    parts = f"{plural(written.directions, 'direction')} in {tensors}" if written.directions else tensors
    carry = "carry" if written.directions > 1 or written.modules > 1 else "carries"
    lines = [
        written.sentence,
        f"{parts} {carry} {percent(written.removed)} of the effect, with {percent(written.energy)} of |dW|²",
        f"without: {rate(written.rate_candidate)} becomes {rate(written.rate_undone)}, and the base has "
        f"{rate(written.rate_base)} ({plural(written.prompts, 'prompt')})",
        f"attribution: {written.completeness:.1%} complete with {written.points} points",
        *(f"kept {k.share:.0%} of: {k.sentence}{told_spilt(k)}" for k in written.kept),
    ]
    if written.elsewhere_with is not None:
        lines.append(
            f"elsewhere, first tokens differ from the base's by {rate(written.elsewhere_without)} "
            f"(total variation; {rate(written.elsewhere_with)} before)"
        )
    lines += [f"written: {written.out}", f"next: {written.next_command}"]
    console = result_console()
    for line in lines:
        console.print(Text(one_line(line, 2000)), soft_wrap=True)
