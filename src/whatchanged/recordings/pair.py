"""Two logs to pairs of recordings: the same prompt, answered by both models."""

from collections.abc import Callable, Hashable, Iterable
from typing import Literal, NamedTuple

from whatchanged.errors import LogError
from whatchanged.recordings.log import Log, Recording
from whatchanged.records import Prompt, Record

EXAMPLES = 3
SHOWN = 80

Identity = Callable[[Recording], Hashable]


class Unpaired(Record):
    """What could not be compared: prompts that only one log has, and up to 3 of them, shortened.

    `by` says what made a pair: the id that the logs give, or the words of the prompt.
    """

    base_only: int
    candidate_only: int
    examples: tuple[str, ...]
    by: Literal["id", "content"]


class Paired(NamedTuple):
    """The prompts that both logs have, as the base's log gives them and in its order.

    `base[i]` and `candidate[i]` are the responses to `prompts[i]`, at least one each.
    """

    prompts: list[Prompt]
    base: list[tuple[str, ...]]
    candidate: list[tuple[str, ...]]
    unpaired: Unpaired


def pair_logs(base: Log, candidate: Log) -> Paired:
    """Pair the prompts of two logs.

    By content, two recordings pair if all their messages are the same. By id, if their ids are the same and
    so are their messages, system messages aside: two logs may differ in the system prompt, but an id whose
    words changed is no pair. The id decides where all recordings of both logs have one of their own and it
    gives no fewer pairs than the content does.

    Raises LogError if the logs share no prompt.
    """
    by: Literal["id", "content"] = "content"
    pairs = _match(base, candidate, _content)
    if _has_ids(base) and _has_ids(candidate):
        same_id = _match(base, candidate, _id_and_words)
        if len(same_id) >= len(pairs):
            pairs, by = same_id, "id"
    if not pairs:
        raise LogError(
            f"logs {base.name} and {candidate.name} share no prompt (of {len(base.recordings)} and "
            f"{len(candidate.recordings)}); give logs of the same prompts, with ids if their system prompts differ"
        )
    return Paired(
        prompts=[first.prompt for first, _ in pairs],
        base=[first.responses for first, _ in pairs],
        candidate=[second.responses for _, second in pairs],
        unpaired=_unpaired(base, candidate, pairs, by),
    )


def _match(base: Log, candidate: Log, identity: Identity) -> list[tuple[Recording, Recording]]:
    there = {identity(recording): recording for recording in candidate.recordings}
    here = [(recording, there.get(identity(recording))) for recording in base.recordings]
    return [(first, second) for first, second in here if second is not None]


def _content(recording: Recording) -> Hashable:
    return recording.prompt.id


def _id_and_words(recording: Recording) -> Hashable:
    words = tuple((m.role, m.content) for m in recording.prompt.messages if m.role != "system")
    return recording.key, words


def _has_ids(log: Log) -> bool:
    keys = {recording.key for recording in log.recordings}
    return None not in keys and len(keys) == len(log.recordings)


def _unpaired(
    base: Log, candidate: Log, pairs: Iterable[tuple[Recording, Recording]], by: Literal["id", "content"]
) -> Unpaired:
    paired = [(first.prompt.id, second.prompt.id) for first, second in pairs]
    left = [
        [recording.prompt for recording in log.recordings if recording.prompt.id not in known]
        for log, known in ((base, {a for a, _ in paired}), (candidate, {b for _, b in paired}))
    ]
    texts = dict.fromkeys(_shortened(prompt.text) for prompts in left for prompt in prompts)
    return Unpaired(base_only=len(left[0]), candidate_only=len(left[1]), examples=tuple(texts)[:EXAMPLES], by=by)


def _shortened(text: str) -> str:
    """On one line, without control characters: the words come from a file."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= SHOWN else line[: SHOWN - 3] + "..."
