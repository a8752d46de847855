"""Responses of an Inspect evaluation log, through Inspect's public reader (extra `inspect`)."""

from collections.abc import Iterable, Iterator
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whatchanged.errors import LogError, MissingExtra
from whatchanged.pools.rows import prompt_of, tags_of
from whatchanged.recordings.log import Log, Sample, gather
from whatchanged.recordings.rows import at, key_of, must_exist

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample
    from inspect_ai.model import ChatMessage


def read_inspect(path: Path) -> Log:
    """The samples of a log (`.eval` or `.json`): the input, and the completion of the sample's output.

    Epochs of a sample are its repeats. System messages that the task put before the input belong to the
    prompt; `category` and `tags` of a sample's metadata become tags. Samples that ended in an error or
    without output are dropped and counted.
    Raises MissingExtra without inspect-ai, LogError for a file that is no log, an input that is not text
    ('log FILE sample N: ...', N from 1), or a log without responses.
    """
    log = _load(path)
    samples: list[Sample] = []
    for number, sample in sorted(enumerate(log.samples or (), start=1), key=lambda item: item[1].epoch):
        with at(path, f"sample {number}"):
            prompt = prompt_of(_row(sample), ("input",), path.name)
            samples.append(Sample(key_of(sample.id), prompt, (_completion(sample),)))
    return gather(samples, path, "inspect", str(log.eval.model) or None)


def _load(path: Path) -> "EvalLog":
    must_exist(path)
    try:
        from inspect_ai.log import read_eval_log
    except ImportError:
        raise MissingExtra("inspect_ai", "inspect") from None
    try:
        # Long inputs are stored beside the sample, as attachments.
        return read_eval_log(str(path), resolve_attachments=True)
    except Exception as error:  # whatever the file's format makes zipfile, ijson or pydantic say
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise LogError(f"log {path}: not an Inspect log ({reason}); give an .eval or .json log") from None


def _completion(sample: "EvalSample") -> str | None:
    if sample.error is not None or sample.output.error is not None:
        return None
    return str(sample.output.completion)


def _row(sample: "EvalSample") -> dict[str, Any]:
    given = [{"role": "user", "content": sample.input}] if isinstance(sample.input, str) else list(_turns(sample.input))
    # A task's own system messages stand in the sample's messages only, after those of the input.
    system = list(takewhile(_is_system, _turns(sample.messages)))
    messages = [*system, *dropwhile(_is_system, given)] if system else given
    return {"input": messages, "tags": _tags(sample.metadata or {})}


def _is_system(turn: dict[str, Any]) -> bool:
    return bool(turn["role"] == "system")


def _tags(metadata: dict[str, Any]) -> list[str]:
    """Metadata is free-form and not written for us: what is no name is no tag, rather than an error."""
    try:
        return list(tags_of(metadata))
    except ValueError:
        return []


def _turns(messages: Iterable["ChatMessage"]) -> Iterator[dict[str, Any]]:
    """The messages in the OpenAI format, without reasoning and without empty system messages."""
    for message in messages:
        content = message.content
        if not isinstance(content, str):
            content = [part.model_dump() for part in content if part.type != "reasoning"]
        if message.role != "system" or message.text.strip():
            yield {"role": message.role, "content": content}
