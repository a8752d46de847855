"""Logs kept in plain files: JSON lines and CSV."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whatchanged.errors import LogError
from whatchanged.pools.rows import prompt_of
from whatchanged.recordings.log import Log, Sample, gather
from whatchanged.recordings.rows import LOG, first_of, key_of, one_model, said, shown

PROMPTS = ("prompt", "input", "text")
RESPONSES = ("response", "completion", "output", "answer")


def read_jsonl(path: Path) -> Log:
    """The log in a JSONL file, a sample a line.

    An object has `messages` (OpenAI format), whose last turn is the assistant's response; or a prompt under
    `messages`, `prompt`, `input` or `text`, the first that it fills, and the response under `response`,
    `completion`, `output` or `answer`, the first that it has: a string, or a list of strings for repeated
    samples. Optional: `id`, `tags`, `category`, `model`. null and blank responses are dropped and counted.
    Raises LogError naming the line, or if there is no response.
    """
    samples: list[Sample] = []
    model: str | None = None
    for number, line in LOG.lines(path):
        with LOG.at(path, f"line {number}"):
            row = LOG.json_object(line)
            model = one_model((model, row.get("model")))
            samples.append(_sample(row, path.name))
    return gather(samples, path, "jsonl", model)


def read_csv(path: Path) -> Log:
    """The log in a CSV file, a sample a record, its columns named by a header.

    The prompt stands under `prompt`, `input` or `text`, the first that the record fills; the response under
    `response`, `completion`, `output` or `answer`, the first that the header has. Optional columns: `id`,
    `tags`, `category`, `model`. Raises LogError naming the line on which the record begins, or if there is
    no response.
    """
    records = LOG.csv_records(path)
    _, header = next(records, (1, []))
    for names in (PROMPTS, RESPONSES):
        if header and not set(header) & set(names):
            raise LogError(f"log {path} line 1: no column named {', '.join(names)} among {shown(header)}")
    samples: list[Sample] = []
    model: str | None = None
    for number, cells in records:
        with LOG.at(path, f"line {number}"):
            if len(cells) > len(header):
                raise ValueError("more cells than the header has; quote a text that holds commas")
            row = dict(zip(header, cells + [""] * (len(header) - len(cells)), strict=True))
            model = one_model((model, row.get("model")))
            prompt = prompt_of(row, PROMPTS, path.name)
            samples.append(Sample(key_of(row.get("id")), prompt, _responses(row)))
    return gather(samples, path, "csv", model)


def _sample(row: dict[str, Any], source: str) -> Sample:
    key = key_of(row.get("id"))
    turns = row.get("messages")
    if not isinstance(turns, list) or not turns:
        return Sample(key, prompt_of(row, ("messages", *PROMPTS), source), _responses(row))
    last = turns[-1]
    if isinstance(last, dict) and last.get("role") == "assistant":
        asked = {**row, "messages": turns[:-1]}
        return Sample(key, prompt_of(asked, ("messages",), source), (said(last.get("content")),))
    responses = _responses(row) if first_of(row, RESPONSES) else (None,)
    return Sample(key, prompt_of(row, ("messages",), source), responses)


def _responses(row: Mapping[str, Any]) -> tuple[str | None, ...]:
    key = first_of(row, RESPONSES)
    if key is None:
        raise ValueError(f"no response under {' or '.join(repr(name) for name in RESPONSES)}")
    value = row[key]
    repeats = isinstance(value, list) and not any(isinstance(part, dict) for part in value)
    return tuple(said(part) for part in value) if repeats else (said(value),)
