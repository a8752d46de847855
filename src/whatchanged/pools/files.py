"""Pools kept in plain files: JSON lines, CSV, one prompt a line. All are UTF-8; blank lines are skipped."""

from pathlib import Path

from whatchanged.errors import PoolError
from whatchanged.pools.rows import filled, prompt_of
from whatchanged.pools.source import POOL
from whatchanged.records import Prompt

# A file with both keeps the whole conversation under `messages`; `text` may be a rendering of it.
KEYS = ("messages", "prompt", "text", "input")
COLUMNS = KEYS[1:]


def read_jsonl(path: Path) -> list[Prompt]:
    """Prompts of a JSONL file: objects with `messages` (OpenAI format), `prompt`, `text` or `input`.

    Optional keys: `tags`, `category`, `source`. Raises PoolError naming the line, or if there is no prompt.
    """
    prompts = []
    for number, line in POOL.lines(path):
        with POOL.at(path, f"line {number}"):
            prompts.append(prompt_of(POOL.json_object(line), KEYS, path.name))
    return filled(prompts, path)


def read_csv(path: Path) -> list[Prompt]:
    """Prompts of a CSV file whose header has a column `prompt`, `text` or `input`.

    Optional columns: `tags`, `category`, `source`. Raises PoolError naming the line on which the record
    begins, or if there is no prompt.
    """
    records = POOL.csv_records(path)
    _, header = next(records, (1, []))
    if header and not set(header) & set(COLUMNS):
        raise PoolError(f"pool {path} line 1: no column named {', '.join(COLUMNS)} among {', '.join(header)}")
    prompts = []
    for number, cells in records:
        with POOL.at(path, f"line {number}"):
            if len(cells) > len(header):
                raise ValueError("more cells than the header has; quote a text that holds commas")
            prompts.append(prompt_of(dict(zip(header, cells, strict=False)), COLUMNS, path.name))
    return filled(prompts, path)


def read_text(path: Path) -> list[Prompt]:
    """Prompts of a text file, one a line, outer spaces removed. Raises PoolError if there is no prompt."""
    prompts = [Prompt.user(line.strip(), source=path.name) for _, line in POOL.lines(path)]
    return filled(prompts, path)
