"""What the readers share: how faults are told, and a row's id, what was answered, which model answered."""

from collections.abc import Iterable, Mapping
from typing import Any

from whatchanged.errors import LogError
from whatchanged.pools.source import Source
from whatchanged.recordings.log import whole

LOG = Source("log", LogError, "file", "recorded response", '{"prompt": "...", "response": "..."}')


def key_of(value: object) -> str | None:
    """An id as text, None where it is missing or blank. Raises ValueError for what is neither text nor a number."""
    if value is None:
        return None
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise ValueError(f"the id must be text or a number, not {shown(value)}")
    return whole(str(value)).strip() or None


def said(content: object) -> str | None:
    """A response as text: a string, or the text parts of an OpenAI message; None where there is none.

    Raises ValueError for anything else.
    """
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise ValueError(f"the response {shown(content)} is no text")
    texts = [part["text"] for part in content if isinstance(part.get("text"), str)]
    return "\n".join(texts) if texts else None


def one_model(names: Iterable[object]) -> str | None:
    """The name on which the rows seen so far agree. Raises ValueError if they name several."""
    found = list(dict.fromkeys(whole(name).strip() for name in names if isinstance(name, str) and name.strip()))
    if len(found) > 1:
        raise ValueError(f"model {shown(found[1])} after {shown(found[0])}; give each model a log of its own")
    return found[0] if found else None


def first_of(row: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    """The first of the keys that the row has, filled or not."""
    return next((key for key in keys if key in row), None)


def shown(value: object) -> str:
    """The value on one line, cut to 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
