"""Logs of the LM Evaluation Harness (`--log_samples`): samples_TASK_DATE.jsonl, one document a line."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from whatchanged.errors import LogError
from whatchanged.pools.rows import prompt_of
from whatchanged.recordings.log import Log, Sample, gather
from whatchanged.recordings.rows import LOG, key_of, shown

# A rolling log-likelihood, which the harness writes as text where another task has its response.
NUMBER = re.compile(r"-\d+\.\d+(?:e[+-]?\d+)?|-inf|nan")


def read_lm_eval(path: Path) -> Log:
    """The generations of a task's samples, as the model gave them (`resps`), before any filter.

    A document is known by its `doc_id`; its prompt is the context that the model was given. The harness
    writes a document once for each filter: the copies are passed over. The file does not name the model.
    Raises LogError naming the line for a malformed row and for a task that scores given answers
    (log-likelihoods, multiple choice), or if there is no response.
    """
    samples: list[Sample] = []
    filters: dict[tuple[str | None, str], object] = {}
    for number, line in LOG.lines(path):
        with LOG.at(path, f"line {number}"):
            row = LOG.json_object(line)
            for sample in _samples(row, path):
                if filters.setdefault((sample.key, sample.prompt.id), row.get("filter")) == row.get("filter"):
                    samples.append(sample)
    return gather(samples, path, "lm-eval", None)


def _samples(row: Mapping[str, Any], path: Path) -> Iterator[Sample]:
    """One a request: most tasks make one of a document, and repeat it where asked."""
    if "doc_id" not in row or "arguments" not in row or not isinstance(row.get("resps"), list):
        raise ValueError("no 'doc_id', 'arguments' and 'resps' of lm-eval; for other rows write jsonl:PATH")
    key, requests = key_of(row["doc_id"]), _requests(row["arguments"])
    if len(requests) != len(row["resps"]):
        raise ValueError(f"{len(requests)} requests but {len(row['resps'])} lists of responses")
    for index, (request, given) in enumerate(zip(requests, row["resps"], strict=True)):
        responses = given if isinstance(given, list) else [given]
        if _scores(request, responses):
            raise LogError(
                f"log {path}: its task scores given answers (log-likelihoods) and generates none; "
                "give the samples of a generation task (output_type: generate_until)"
            )
        prompt = prompt_of({"context": _context(request[0])}, ("context",), path.name)
        yield Sample(f"{key}.{index}" if key and index else key, prompt, tuple(responses))


def _requests(arguments: object) -> list[list[Any]]:
    """Each request's arguments: lists in older files, objects with the keys arg_0, arg_1 in newer ones."""
    requests = list(arguments.values()) if isinstance(arguments, dict) else arguments
    if not isinstance(requests, list):
        raise ValueError(f"'arguments' must be a list or an object, not {shown(arguments)}")
    found = [list(request.values()) if isinstance(request, dict) else request for request in requests]
    if wrong := [request for request in found if not isinstance(request, list) or not request]:
        raise ValueError(f"the request {shown(wrong[0])} has no context")
    return found


def _scores(request: list[Any], responses: list[Any]) -> bool:
    """Whether the request asked for the likelihood of a text (or gave no text back) rather than for one."""
    if len(request) > 1:
        return isinstance(request[1], str) or not all(isinstance(text, str | None) for text in responses)
    return not all(isinstance(text, str | None) and not NUMBER.fullmatch(text or "") for text in responses)


def _context(given: object) -> object:
    """The text or the conversation: chat models get theirs as JSON, which the harness wraps in a list."""
    if isinstance(given, list) and len(given) == 1 and isinstance(given[0], str):
        (given,) = given
    if isinstance(given, str) and given.startswith("["):
        try:
            turns = json.loads(given)
        except (ValueError, RecursionError):
            return given
        if isinstance(turns, list) and turns and all(isinstance(t, dict) and "role" in t for t in turns):
            return turns
    return given
