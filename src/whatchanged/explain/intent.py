"""Which confirmed changes were wanted: by executable specs, or because the tuning data does the same."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from whatchanged.errors import PoolError, SpecError
from whatchanged.predicates import load
from whatchanged.records import Direction, Finding, Message, Pair, PredicateSpec, Prompt, Record, Region

AGREEMENT = 0.9
OVERLAP = 0.8
MIN_ROWS = 5


class IntendedChange(Record):
    """One wanted change: on these prompts, more (or less) of this."""

    region: Region = Region()
    predicate: PredicateSpec
    direction: Direction = "more"
    name: str = ""


class TuningRow(Record):
    """A row of the tuning data."""

    prompt: Prompt
    response: str


@dataclass(frozen=True)
class Wanted:
    """What the caller said of the change; None where nothing was said."""

    changes: Sequence[IntendedChange] | None = None
    data: Sequence[TuningRow] | None = None


def read_wanted(intended: Path | None, data: Path | None) -> Wanted:
    """Both files, read and checked before any work is done. Raises SpecError or PoolError."""
    return Wanted(
        changes=None if intended is None else read_intended(intended),
        data=None if data is None else read_tuning_data(data),
    )


def content_digest(*files: Path | None) -> str:
    """Changes with the content of any of the files, so that an edited one is not resumed with."""
    parts = ["-" if f is None else hashlib.sha256(f.read_bytes()).hexdigest() for f in files]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def read_intended(file: Path) -> list[IntendedChange]:
    """A YAML list. Raises SpecError naming the entry."""
    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SpecError(f"--intended {file}: {' '.join(str(error).split())}") from None
    if not isinstance(entries, list):
        raise SpecError(f"--intended {file}: expected a list of entries with region, predicate, direction")
    changes = []
    for number, entry in enumerate(entries, 1):
        try:
            changes.append(IntendedChange.model_validate(entry))
            load(changes[-1].predicate)
        except ValidationError as error:
            first = error.errors()[0]
            where = ": ".join([".".join(map(str, first["loc"])), first["msg"]]).removeprefix(": ")
            raise SpecError(f"--intended {file} entry {number}: {where}") from None
        except SpecError as error:
            raise SpecError(f"--intended {file} entry {number}: {error}") from None
    return changes


def read_tuning_data(file: Path) -> list[TuningRow]:
    """JSONL with `messages` ending in an assistant turn, or `prompt` and `response` (or `completion`).

    Raises PoolError naming the line.
    """
    try:
        # Split at newlines only: U+2028 is legal inside a JSON string.
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PoolError(f"--intended-data {file}: {error}") from None
    rows = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                rows.append(_row(json.loads(line)))
            except (ValueError, RecursionError) as error:
                detail = " ".join(str(error).split())[:120]
                raise PoolError(f"--intended-data {file} line {number}: {detail}") from None
    if not rows:
        raise PoolError(f"--intended-data {file}: no rows")
    return rows


def _row(entry: object) -> TuningRow:
    if not isinstance(entry, dict):
        raise ValueError("not a JSON object")
    if isinstance(entry.get("messages"), list):
        messages = [Message.model_validate(m) for m in entry["messages"]]
        if not messages or messages[-1].role != "assistant":
            raise ValueError("messages do not end in an assistant turn")
        return TuningRow(prompt=Prompt(messages=tuple(messages[:-1])), response=messages[-1].content)
    prompt, response = entry.get("prompt"), entry.get("response", entry.get("completion"))
    for name, text in (("prompt", prompt), ("response", response)):
        if not isinstance(text, str):
            raise ValueError(f"no '{name}' text, nor 'messages'")
    return TuningRow(prompt=Prompt.user(str(prompt)), response=str(response))


def classify(
    findings: Sequence[Finding],
    wanted: Wanted,
    pairs: Sequence[Pair],
    prompts: Mapping[str, Prompt],
) -> list[Finding]:
    """Confirmed findings with their intent; unclassified when neither source is given."""
    marked = []
    for finding in findings:
        if finding.status != "confirmed" or wanted == Wanted():
            marked.append(finding)
            continue
        match = next((c for c in wanted.changes or () if _same(finding, c, pairs, prompts)), None)
        if match is not None:
            update = {"intent": "intended", "intent_reason": match.name or "matches an intended change"}
        elif wanted.data is not None and (reason := _explained(finding, wanted.data)):
            update = {"intent": "explained_by_data", "intent_reason": reason}
        else:
            update = {
                "intent": "side_effect",
                "intent_reason": "no intended change and no tuning data explains it",
            }
        marked.append(finding.model_copy(update=update))
    return marked


def _same(finding: Finding, change: IntendedChange, pairs: Sequence[Pair], prompts: Mapping[str, Prompt]) -> bool:
    """By execution: same direction, the finding's prompts lie in the wanted region, the predicates agree on text."""
    if finding.direction != change.direction:
        return False
    inside = [p for p in prompts.values() if finding.region.contains(p)]
    if sum(change.region.contains(p) for p in inside) < OVERLAP * len(inside):
        return False
    if finding.predicate == change.predicate:
        return True
    return _agree(finding, change, pairs, prompts)


def _agree(finding: Finding, change: IntendedChange, pairs: Sequence[Pair], prompts: Mapping[str, Prompt]) -> bool:
    ours, theirs = load(finding.predicate), load(change.predicate)
    marks = []
    for pair in pairs:
        prompt = prompts[pair.prompt_id]
        if finding.region.contains(prompt):
            for text in (pair.base.text, pair.candidate.text):
                marks.append((ours.score(text, prompt) > 0.5, theirs.score(text, prompt) > 0.5))
    positive = [m for m in marks if any(m)]
    # Agreement where either holds: two rare predicates would agree on their absence alone.
    return bool(positive) and sum(a == b for a, b in positive) >= AGREEMENT * len(positive)


def _explained(finding: Finding, data: Sequence[TuningRow]) -> str:
    """Why the data explains the finding, or an empty string: its responses do it at the candidate's new rate."""
    rows = [row for row in data if finding.region.contains(row.prompt)]
    if len(rows) < MIN_ROWS:
        return ""
    predicate = load(finding.predicate)
    rate = sum(predicate.score(row.response, row.prompt) for row in rows) / len(rows)
    slack = finding.margin + 2 * math.sqrt(max(rate * (1 - rate), 0.01) / len(rows))
    sign = 1 if finding.direction == "more" else -1
    if sign * (rate - finding.rate_candidate) < -slack:
        return ""
    return f"{rate:.0%} of {len(rows)} tuning responses on these prompts do it"
