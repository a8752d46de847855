"""What went wrong with a request: whether waiting mends it, and how to say it without the key."""

import os
from collections.abc import Iterator

# Unauthorised, unpaid, forbidden, no such model.
REFUSED = frozenset({401, 402, 403, 404})
# The client errors that another attempt may not meet: timeout, conflict, too early, rate limit.
PASSING = frozenset({408, 409, 425, 429})
_SECRETS = ("KEY", "TOKEN", "SECRET", "PASSWORD")
# Shorter values are placeholders that servers without keys are given, and may be ordinary words.
_SHORTEST_SECRET = 12


def status(error: BaseException) -> int | None:
    """The HTTP status behind an exception, or None."""
    for one in _chain(error):
        for name in ("status_code", "code"):
            if isinstance(value := getattr(one, name, None), int) and 400 <= value < 600:
                return value
    return None


def is_final(error: BaseException) -> bool:
    """Whether the server would refuse the same request again."""
    code = status(error)
    return code is not None and code < 500 and code not in PASSING


def reason(error: BaseException, key: str | None = None) -> str:
    """The innermost cause, in one line without secrets."""
    *_, inner = _chain(error)
    text = getattr(inner, "message", None) or str(inner)
    text = " ".join(hide(f"{type(inner).__name__}: {text}", key).split())
    return text if len(text) <= 300 else f"{text[:300]}..."


def hide(text: str, key: str | None = None) -> str:
    """The text with `key`, and every secret of the environment, taken out."""
    secrets = [value for name, value in os.environ.items() if name.upper().endswith(_SECRETS)]
    for secret in sorted([*secrets, key or ""], key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "[key]")
    return text


def _chain(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__
