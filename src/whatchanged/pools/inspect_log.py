"""Prompts of an Inspect evaluation log, through Inspect's public reader (extra `inspect`)."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whatchanged.pools.rows import filled, prompt_of, tags_of
from whatchanged.pools.source import POOL
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
    found: dict[str, Prompt] = {}
    for number, sample in enumerate(POOL.inspect_log(path).samples or (), start=1):
        with POOL.at(path, f"sample {number}"):
            prompt = prompt_of(_row(sample), ("input",), path.name)
        found.setdefault(prompt.id, prompt)
    return filled(list(found.values()), path)


def metadata_tags(sample: "EvalSample") -> list[str]:
    """Metadata is free-form and not written for us: what is no name is no tag, rather than an error."""
    try:
        return list(tags_of(sample.metadata or {}))
    except ValueError:
        return []


def turns(messages: Iterable["ChatMessage"]) -> Iterator[dict[str, Any]]:
    """The messages in the OpenAI format, without reasoning."""
    for message in messages:
        content = message.content
        if not isinstance(content, str):
            content = [part.model_dump() for part in content if part.type != "reasoning"]
        yield {"role": message.role, "content": content}


def _row(sample: "EvalSample") -> dict[str, Any]:
    given = sample.input if isinstance(sample.input, str) else list(turns(sample.input))
    return {"input": given, "tags": metadata_tags(sample)}
