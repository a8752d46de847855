"""The pool that comes with the package; `data/SOURCES.md` says how each file was made."""

from pathlib import Path

from whatchanged.pools.files import read_jsonl
from whatchanged.records import Prompt

DATA = Path(__file__).with_name("data")


def load_builtin() -> list[Prompt]:
    """All prompts of `data/*.jsonl`, file by file in alphabetical order, source 'builtin'."""
    return [
        prompt.model_copy(update={"source": "builtin"})
        for file in sorted(DATA.glob("*.jsonl"))
        for prompt in read_jsonl(file)
    ]
