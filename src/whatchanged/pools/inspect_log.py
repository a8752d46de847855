"""Prompts of an Inspect evaluation log, through Inspect's public reader (extra `inspect`)."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whatchanged.errors import MissingExtra, PoolError
from whatchanged.pools.rows import at, filled, must_exist, prompt_of, tags_of
from whatchanged.records import Prompt

if TYPE_CHECKING:
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ChatMessage


def read_inspect(path: Path) -> list[Prompt]:
    """The inputs of a log's samples (`.eval` or `.json`), each once: epochs repeat them.

    Text and chat inputs both; `category` and `tags` of a sample's metadata become tags.
    Raises MissingExtra without inspect-ai, PoolError for a file that is no log, an input that is not
    text ('pool FILE sample N: ...', N from 1), or a log without samples.
    """
    must_exist(path)
    try:
        from inspect_ai.log import read_eval_log
    except ImportError:
        raise MissingExtra("inspect_ai", "inspect") from None
    try:
        # Long inputs are stored beside the sample, as attachments.
        log = read_eval_log(str(path), resolve_attachments=True)
    except Exception as error:  # whatever the file's format makes zipfile, ijson or pydantic say
        said = str(error).splitlines() or [type(error).__name__]
        raise PoolError(f"pool {path}: not an Inspect log ({said[0]}); give an .eval or .json log") from None
    found: dict[str, Prompt] = {}
    for number, sample in enumerate(log.samples or (), start=1):
        with at(path, f"sample {number}"):
            prompt = prompt_of(_row(sample), ("input",), path.name)
        found.setdefault(prompt.id, prompt)
    return filled(list(found.values()), path)


def _row(sample: "EvalSample") -> dict[str, Any]:
    given = sample.input if isinstance(sample.input, str) else _messages(sample.input)
    return {"input": given, "tags": _tags(sample.metadata or {})}


def _tags(metadata: dict[str, Any]) -> list[str]:
    """Metadata is free-form and not written for us: what is no name is no tag, rather than an error."""
    try:
        return list(tags_of(metadata))
    except ValueError:
        return []


def _messages(messages: Iterable["ChatMessage"]) -> list[dict[str, Any]]:
    turns = []
    for message in messages:
        content = message.content
        if not isinstance(content, str):
            content = [part.model_dump() for part in content if part.type != "reasoning"]
        turns.append({"role": message.role, "content": content})
    return turns
