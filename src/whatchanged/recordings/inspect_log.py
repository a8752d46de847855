"""Responses of an Inspect evaluation log, through Inspect's public reader (extra `inspect`)."""

from collections.abc import Iterable, Iterator
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whatchanged.pools.inspect_log import metadata_tags, turns
from whatchanged.pools.rows import prompt_of
from whatchanged.recordings.log import Log, Sample, gather
from whatchanged.recordings.rows import LOG, key_of

if TYPE_CHECKING:
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ChatMessage


def read_inspect(path: Path) -> Log:
    """The samples of a log (`.eval` or `.json`): the input, and the completion of the sample's output.

    Epochs of a sample are its repeats. System messages that the task put before the input belong to the
    prompt; `category` and `tags` of a sample's metadata become tags. Samples that ended in an error or
    without output are dropped and counted.
    Raises MissingExtra without inspect-ai, LogError for a file that is no log, an input that is not text
    ('log FILE sample N: ...', N from 1), or a log without responses.
    """
    log = LOG.inspect_log(path)
    samples: list[Sample] = []
    for number, sample in sorted(enumerate(log.samples or (), start=1), key=lambda item: item[1].epoch):
        with LOG.at(path, f"sample {number}"):
            prompt = prompt_of(_row(sample), ("input",), path.name)
            samples.append(Sample(key_of(sample.id), prompt, (_completion(sample),)))
    return gather(samples, path, "inspect", str(log.eval.model) or None)


def _completion(sample: "EvalSample") -> str | None:
    if sample.error is not None or sample.output.error is not None:
        return None
    return str(sample.output.completion)


def _row(sample: "EvalSample") -> dict[str, Any]:
    given = [{"role": "user", "content": sample.input}] if isinstance(sample.input, str) else list(_turns(sample.input))
    # A task's own system messages stand in the sample's messages only, after those of the input.
    system = list(takewhile(_is_system, _turns(sample.messages)))
    messages = [*system, *dropwhile(_is_system, given)] if system else given
    return {"input": messages, "tags": metadata_tags(sample)}


def _is_system(turn: dict[str, Any]) -> bool:
    return bool(turn["role"] == "system")


def _turns(messages: Iterable["ChatMessage"]) -> Iterator[dict[str, Any]]:
    """The messages in the OpenAI format, without empty system messages."""
    return turns(m for m in messages if m.role != "system" or m.text.strip())
