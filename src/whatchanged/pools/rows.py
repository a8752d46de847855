"""One row of any pool (JSON object, CSV record, dataset row, log sample) to a `Prompt`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

from whatchanged.errors import PoolError
from whatchanged.records import Message, Prompt

# "developer" is OpenAI's newer name of the system role.
ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


def prompt_of(row: Mapping[str, Any], keys: Sequence[str], source: str) -> Prompt:
    """The prompt under the first of `keys` that the row fills, with the row's tags.

    A string is one user turn, a list is a conversation in the OpenAI format, from which a trailing
    assistant message is dropped: it is the answer, and a prompt awaits one.
    `tags` (list, or names separated by commas) and `category` become tags; a `source` key overrides `source`.
    Raises ValueError saying in one line what is wrong with the row.
    """
    value = next((row[key] for key in keys if not _blank(row.get(key))), None)
    if value is None:
        raise ValueError(f"nothing under {_either(keys)}")
    messages = _conversation(value) if isinstance(value, list) else (_turn("user", value),)
    named = row.get("source")
    return Prompt(messages=messages, tags=tags_of(row), source=named if isinstance(named, str) else source)


def tags_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The names under `category`, then `tags`, each once. Raises ValueError if they are not names."""
    found: list[str] = []
    for key in ("category", "tags"):
        value = row.get(key)
        names = value.split(",") if isinstance(value, str) and key == "tags" else value
        for name in names if isinstance(names, list) else [] if names is None else [names]:
            if not isinstance(name, str | int) or isinstance(name, bool):
                raise ValueError(f"{key} must be a name or a list of names, not {_short(value)}")
            found.append(str(name).strip())
    return tuple(dict.fromkeys(name for name in found if name))


def filled(prompts: list[Prompt], path: Path) -> list[Prompt]:
    """The prompts, or PoolError when there are none."""
    if not prompts:
        raise PoolError(f"pool {path}: holds no prompts; give a file with at least one")
    return prompts


def _conversation(turns: list[Any]) -> tuple[Message, ...]:
    messages = []
    for turn in turns:
        if not isinstance(turn, dict) or turn.get("role") not in ROLES:
            raise ValueError(f"{_short(turn)} is no message with a role among {', '.join(ROLES)}")
        messages.append(_turn(ROLES[turn["role"]], _joined(turn.get("content"))))
    if messages and messages[-1].role == "assistant":
        messages.pop()
    if not messages or messages[-1].role != "user":
        raise ValueError("the conversation has no user message that awaits an answer")
    return tuple(messages)


def _turn(role: str, text: object) -> Message:
    if not isinstance(text, str):
        raise ValueError(f"{_short(text)} is no text")
    if not text.strip():
        raise ValueError(f"an empty {role} message")
    try:
        text.encode()
    except UnicodeEncodeError:
        # JSON may spell half of a surrogate pair; it would break only later, in hashing.
        raise ValueError("half a surrogate pair is no text") from None
    return Message(role=cast(Literal["system", "user", "assistant"], role), content=text)


def _joined(content: object) -> object:
    """Content parts as one text; anything else as it is."""
    if not isinstance(content, list):
        return content
    for part in content:
        if not isinstance(part, dict) or not isinstance(part.get("text"), str):
            raise ValueError(f"content part {_short(part)} is not text; only text prompts can be used")
    return "\n".join(part["text"] for part in content)


def _blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _either(keys: Sequence[str]) -> str:
    return " or ".join(f"'{key}'" for key in keys)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
