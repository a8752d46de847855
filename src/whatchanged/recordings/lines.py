"""Lines, JSON objects and CSV records of a log file, with the numbers of their lines. UTF-8; blank ones are skipped."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from whatchanged.errors import LogError
from whatchanged.recordings.rows import must_exist


def lines(path: Path, keep_blank: bool = False) -> Iterator[tuple[int, str]]:
    """Lines with their numbers from 1. Split at newlines only: U+2028 is legal inside a JSON string.

    Raises LogError for a file that cannot be read or is not UTF-8.
    """
    must_exist(path)
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                text = (raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw).rstrip(b"\r\n").decode()
                if keep_blank or text.strip():
                    yield number, text
    except UnicodeDecodeError:
        raise LogError(f"log {path} line {number}: not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise LogError(f"log {path}: {error.strerror or error}; give a file that can be read") from None


def json_object(line: str) -> dict[str, Any]:
    """The JSON object on a line. Raises ValueError if there is none."""
    try:
        loaded = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error.msg} at column {error.colno})") from None
    except RecursionError:
        raise ValueError("not a recorded response (nested too deeply)") from None
    if not isinstance(loaded, dict):
        raise ValueError('not a JSON object; write {"prompt": "...", "response": "..."}')
    return loaded


def csv_records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """CSV records with the number of the line each begins on. Raises LogError for what is not CSV."""
    reader = csv.reader((f"{line}\n" for _, line in lines(path, keep_blank=True)), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise LogError(f"log {path} line {number}: not CSV ({error}); check the quotes") from None
        if any(cell.strip() for cell in cells):
            yield number, cells
