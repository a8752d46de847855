"""Pools kept in plain files: JSON lines, CSV, one prompt a line. All are UTF-8; blank lines are skipped."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from whatchanged.errors import PoolError
from whatchanged.pools.rows import at, filled, must_exist, prompt_of
from whatchanged.records import Prompt

# A file with both keeps the whole conversation under `messages`; `text` may be a rendering of it.
KEYS = ("messages", "prompt", "text", "input")
COLUMNS = KEYS[1:]


def read_jsonl(path: Path) -> list[Prompt]:
    """Prompts of a JSONL file: objects with `messages` (OpenAI format), `prompt`, `text` or `input`.

    Optional keys: `tags`, `category`, `source`. Raises PoolError naming the line, or if there is no prompt.
    """
    prompts = []
    for number, line in _lines(path):
        with at(path, f"line {number}"):
            prompts.append(prompt_of(_object(line), KEYS, path.name))
    return filled(prompts, path)


def read_csv(path: Path) -> list[Prompt]:
    """Prompts of a CSV file whose header has a column `prompt`, `text` or `input`.

    Optional columns: `tags`, `category`, `source`. Raises PoolError naming the line on which the record
    begins, or if there is no prompt.
    """
    records = _records(path)
    _, header = next(records, (1, []))
    if header and not set(header) & set(COLUMNS):
        raise PoolError(f"pool {path} line 1: no column named {', '.join(COLUMNS)} among {', '.join(header)}")
    prompts = []
    for number, cells in records:
        with at(path, f"line {number}"):
            if len(cells) > len(header):
                raise ValueError("more cells than the header has; quote a text that holds commas")
            prompts.append(prompt_of(dict(zip(header, cells, strict=False)), COLUMNS, path.name))
    return filled(prompts, path)


def read_text(path: Path) -> list[Prompt]:
    """Prompts of a text file, one a line, outer spaces removed. Raises PoolError if there is no prompt."""
    prompts = [Prompt.user(line.strip(), source=path.name) for _, line in _lines(path)]
    return filled(prompts, path)


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """CSV records with the number of the line each begins on; records without any text are skipped."""
    reader = csv.reader((f"{line}\n" for _, line in _lines(path, keep_blank=True)), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise PoolError(f"pool {path} line {number}: not CSV ({error}); check the quotes") from None
        if any(cell.strip() for cell in cells):
            yield number, cells


def _object(line: str) -> dict[str, Any]:
    try:
        loaded = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error.msg} at column {error.colno})") from None
    except RecursionError:
        raise ValueError("not a prompt (nested too deeply)") from None
    if not isinstance(loaded, dict):
        raise ValueError('not a JSON object; write {"prompt": "..."}')
    return loaded


def _lines(path: Path, keep_blank: bool = False) -> Iterator[tuple[int, str]]:
    """Lines with their numbers from 1. Split at newlines only: U+2028 is legal inside a JSON string."""
    must_exist(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PoolError(f"pool {path}: {error.strerror or error}; give a file that can be read") from None
    for number, line in enumerate(raw.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            text = line.removesuffix(b"\r").decode()
        except UnicodeDecodeError:
            raise PoolError(f"pool {path} line {number}: not UTF-8; save the file as UTF-8") from None
        if keep_blank or text.strip():
            yield number, text
