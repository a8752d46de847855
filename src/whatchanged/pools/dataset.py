"""Prompts of a Hugging Face dataset saved to a folder (extra `datasets`)."""

from pathlib import Path
from typing import TYPE_CHECKING

from whatchanged.errors import MissingExtra, PoolError
from whatchanged.pools.rows import filled, prompt_of
from whatchanged.pools.source import POOL
from whatchanged.records import Prompt

if TYPE_CHECKING:
    from datasets import Dataset

COLUMNS = ("messages", "prompt", "text", "question", "instruction")
EXTRAS = ("tags", "category", "source")


def read_dataset(path: Path) -> list[Prompt]:
    """The prompts of a folder written by `Dataset.save_to_disk`; of a `DatasetDict`, those of all its splits.

    Columns: `messages` (OpenAI format), `prompt`, `text`, `question` or `instruction`, the first that a
    row fills; optional `tags`, `category`, `source`. Raises MissingExtra without datasets, PoolError for
    another folder, a dataset without such a column, a malformed row ('row N', from 1), or no rows.
    """
    POOL.must_exist(path)
    try:
        from datasets import load_from_disk
    except ImportError:
        raise MissingExtra("datasets", "datasets") from None
    try:
        loaded = load_from_disk(str(path))
    except Exception as error:  # FileNotFoundError, Arrow's own errors, a JSON that is not a state
        said = str(error).splitlines() or [type(error).__name__]
        raise PoolError(f"pool {path}: not a saved dataset ({said[0]}); use Dataset.save_to_disk") from None
    if not isinstance(loaded, dict):
        return filled(_prompts(loaded, path, ""), path)
    return filled([p for name, part in loaded.items() for p in _prompts(part, path, f"{name} ")], path)


def _prompts(part: "Dataset", path: Path, prefix: str) -> list[Prompt]:
    columns = [name for name in COLUMNS if name in part.column_names]
    if not columns:
        raise PoolError(f"pool {path}: no column named {', '.join(COLUMNS)} among {', '.join(part.column_names)}")
    # The other columns may hold images or audio, which would be decoded row by row.
    rows = part.select_columns(columns + [name for name in EXTRAS if name in part.column_names])
    prompts = []
    for number, row in enumerate(rows, start=1):
        with POOL.at(path, f"{prefix}row {number}"):
            prompts.append(prompt_of(row, columns, path.name))
    return prompts
