"""Reading what a stranger wrote: lines, JSON objects, CSV records and Inspect logs, with faults told by place."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whatchanged.errors import MissingExtra, PoolError, UsageError

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog


@dataclass(frozen=True)
class Source:
    """A kind of input file, and the words in which its faults are told: 'NOUN FILE line N: ...' as an `error`.

    `where` says what may stand at a path, `what` what a line holds, `example` how one is written.
    """

    noun: str
    error: type[UsageError]
    where: str
    what: str
    example: str

    @contextmanager
    def at(self, path: Path, place: str) -> Iterator[None]:
        """Turn a ValueError about one row into an error that says where."""
        try:
            yield
        except ValueError as error:
            raise self.error(f"{self.noun} {path} {place}: {error}") from None

    def must_exist(self, path: Path) -> None:
        """Raise an error unless the path is there."""
        if not path.exists():
            raise self.error(f"{self.noun} {path}: no such {self.where}; check the path")

    def lines(self, path: Path, keep_blank: bool = False) -> Iterator[tuple[int, str]]:
        """Lines with their numbers from 1. Split at newlines only: U+2028 is legal inside a JSON string.

        Raises an error for a file that cannot be read or is not UTF-8.
        """
        self.must_exist(path)
        try:
            with path.open("rb") as file:
                for number, raw in enumerate(file, start=1):
                    line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
                    text = line.removesuffix(b"\n").removesuffix(b"\r").decode()
                    if keep_blank or text.strip():
                        yield number, text
        except UnicodeDecodeError:
            raise self.error(f"{self.noun} {path} line {number}: not UTF-8; save the file as UTF-8") from None
        except OSError as error:
            raise self.error(f"{self.noun} {path}: {error.strerror or error}; give a file that can be read") from None

    def json_object(self, line: str) -> dict[str, Any]:
        """The JSON object on a line. Raises ValueError if there is none."""
        try:
            loaded = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"not JSON ({error.msg} at column {error.colno})") from None
        except RecursionError:
            raise ValueError(f"not a {self.what} (nested too deeply)") from None
        if not isinstance(loaded, dict):
            raise ValueError(f"not a JSON object; write {self.example}")
        return loaded

    def csv_records(self, path: Path) -> Iterator[tuple[int, list[str]]]:
        """CSV records with the number of the line each begins on; records without any text are skipped."""
        reader = csv.reader((f"{line}\n" for _, line in self.lines(path, keep_blank=True)), strict=True)
        while True:
            number = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise self.error(f"{self.noun} {path} line {number}: not CSV ({error}); check the quotes") from None
            if any(cell.strip() for cell in cells):
                yield number, cells

    def inspect_log(self, path: Path) -> "EvalLog":
        """An Inspect log (`.eval` or `.json`). Raises MissingExtra without inspect-ai, an error for what is none."""
        self.must_exist(path)
        try:
            from inspect_ai.log import read_eval_log
        except ImportError:
            raise MissingExtra("inspect_ai", "inspect") from None
        try:
            # Long inputs are stored beside the sample, as attachments.
            return read_eval_log(str(path), resolve_attachments=True)
        except Exception as error:  # whatever the file's format makes zipfile, ijson or pydantic say
            said = str(error).splitlines() or [type(error).__name__]
            raise self.error(
                f"{self.noun} {path}: not an Inspect log ({said[0]}); give an .eval or .json log"
            ) from None


POOL = Source("pool", PoolError, "file or folder", "prompt", '{"prompt": "..."}')
