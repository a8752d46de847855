"""What every reader of a log leaves: one recording a prompt, and a count of what could not be used."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from whatchanged.errors import LogError
from whatchanged.pools.load import merge
from whatchanged.records import Prompt, Record


class Recording(Record):
    """One prompt of a log, with all that was answered to it.

    `key` is the id that the log gives it, as text; None where it gives none. `responses` are in the log's order.
    """

    key: str | None
    prompt: Prompt
    responses: tuple[str, ...]


class Log(Record):
    """The recorded responses of one model, each prompt once.

    `name` is the file's, for people; `kind` that of its reader; `model` what the log says it is.
    `dropped` counts the samples that failed or said nothing: they are in no recording.
    `digest` is the SHA-256 (hex) of keys, prompts, tags and responses: all that an analysis sees.
    """

    name: str
    kind: str
    model: str | None
    recordings: tuple[Recording, ...]
    dropped: int
    digest: str


class Sample(NamedTuple):
    """One row of a log: the id it gives, the prompt, its responses. None stands for a response that failed."""

    key: str | None
    prompt: Prompt
    responses: tuple[str | None, ...]


def gather(samples: Iterable[Sample], path: Path, kind: str, model: str | None) -> Log:
    """The log of these samples: those with the same prompt are one recording, in order of first appearance.

    It has the key of its first sample and the tags of all. A response that is None or blank is counted in
    `dropped`, and so is a sample without any. Raises LogError if no response is left.
    """
    kept = list(samples)
    keys: dict[str, str | None] = {}
    said: dict[str, list[str]] = {}
    dropped = 0
    for sample in kept:
        keys.setdefault(sample.prompt.id, sample.key)
        usable = [whole(text) for text in sample.responses if text is not None and text.strip()]
        dropped += max(len(sample.responses), 1) - len(usable)
        said.setdefault(sample.prompt.id, []).extend(usable)
    recordings = tuple(
        Recording(key=keys[prompt.id], prompt=prompt, responses=tuple(said[prompt.id]))
        for prompt in merge(sample.prompt for sample in kept)
        if said[prompt.id]
    )
    if not recordings:
        lost = f" ({dropped} failed or empty)" if dropped else ""
        raise LogError(f"log {path}: holds no responses{lost}; give a log with at least one")
    return Log(
        name=path.name, kind=kind, model=model, recordings=recordings, dropped=dropped, digest=_digest(recordings)
    )


def whole(text: str) -> str:
    """The text with halves of surrogate pairs replaced: an answer cut within an emoji, which UTF-8 cannot hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _digest(recordings: Iterable[Recording]) -> str:
    # Without the source: it holds the file's name, and a renamed log is the same log.
    content = [
        [r.key, [[m.role, m.content] for m in r.prompt.messages], r.prompt.tags, r.responses] for r in recordings
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
