"""The command `whatchanged`: subcommands imported on use; exceptions become one line and an exit code.

0 done, the gate passed      1 a fault of ours      2 usage or bad input
3 the gate failed            4 the gate could not be decided      130 interrupted
"""

import io
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from whatchanged import __version__
from whatchanged.errors import AccessError, UsageError

# Name to (module:object, help). The help stands here so that the group's --help imports no subcommand.
COMMANDS = {
    "diff": ("whatchanged.cli.diff:diff", "Say which behaviours changed from BASE to CANDIDATE."),
    "logs": ("whatchanged.cli.logs:logs", "Say what changed between two recorded logs; no model is needed."),
    "screen": ("whatchanged.cli.screen:screen", "Say where two models differ, by forward passes alone."),
    "weights": (
        "whatchanged.cli.weights:weights",
        "Say what changed in the weights, and by what kind of intervention.",
    ),
    "rare": ("whatchanged.cli.rare:rare", "Say how often two models do what they do rarely."),
    "show": ("whatchanged.cli.show:show", "Print the report of the finished run in the directory RUN."),
    "undo": ("whatchanged.cli.undo:undo", "Write an adapter that takes one finding of a run back."),
    "bench": (
        "whatchanged.cli.bench:bench",
        "Say what methods find in models with a known change.",
    ),
    "organism": ("whatchanged.cli.organism:organism", "Make models with a known, measured change."),
    "demo": ("whatchanged.cli.demo:demo", "Audit a small model that carries a planted change."),
}


class LazyGroup(click.Group):
    """A group whose subcommands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the subcommand, or None if there is no such name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    no_args_is_help=False,
    epilog="'whatchanged COMMAND --help' says more.",
)
@click.version_option(__version__, prog_name="whatchanged", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
@click.pass_context
def cli(context: click.Context) -> None:
    """git diff for language models: which behaviours an intervention changed, where and by how much."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line `args` (default: sys.argv) and return its exit code."""
    words = list(sys.argv[1:] if args is None else args)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a character shows its code, and the report is not lost.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        result: Any = cli.main(words, prog_name="whatchanged", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except (Exception, KeyboardInterrupt) as error:
        # click reports Ctrl-C and EOFError alike as Abort, but a truncated file is no interruption.
        cause = error.__cause__ if isinstance(error, click.Abort) and error.__cause__ else error
        if "--debug" in words or os.environ.get("WHATCHANGED_DEBUG", "0") not in ("", "0"):
            traceback.print_exception(cause)
        code, line = explain(cause)
        print(line, file=sys.stderr)
        return code


def explain(error: BaseException) -> tuple[int, str]:
    """The exit code of an exception and the one line that is printed for it."""
    match error:
        case click.Abort() | KeyboardInterrupt():
            return 130, "interrupted; the same command resumes"
        case click.ClickException():
            context = getattr(error, "ctx", None)
            command = context.command_path if context else "whatchanged"
            return 2, f"error: {_one_line(error.format_message()).rstrip('.')}; see '{command} --help'"
        case UsageError() | AccessError():
            return 2, f"error: {_one_line(str(error))}"
        case _:
            name = f"{type(error).__name__}: {_one_line(str(error))}".removesuffix(": ")
            return 1, f"error: {name}; what the run has done is kept, --debug shows where it failed"


def _one_line(text: str, limit: int = 1000) -> str:
    # An exception may quote a model or a file: no control character of theirs reaches the terminal.
    words = "".join(c if c.isprintable() else " " for c in text).split()
    line = " ".join(words)
    return line if len(line) <= limit else line[: limit - 1] + "…"
