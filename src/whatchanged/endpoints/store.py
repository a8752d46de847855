"""Replies on disk, so that a run that was killed pays for no call twice."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from whatchanged.endpoints.base import Ask, Reply
from whatchanged.ledger import write_atomic


def digest(fingerprint: str, ask: Ask) -> str:
    """SHA-256 of a model's fingerprint and one ask, in hex."""
    payload = json.dumps([fingerprint, ask.model_dump(mode="json")], sort_keys=True)
    return hashlib.sha256(payload.encode()).hexdigest()


class ReplyStore:
    """One JSON file a reply, written whole as soon as it arrives, with the usage that it had.

    It lives in a run directory and no other run reads it: a name does not pin the weights behind it, so the reply of
    last week says nothing about the model of today. Asks that failed leave nothing, and are made again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> Reply | None:
        """The stored reply, or None. A damaged file counts as none."""
        try:
            return Reply.model_validate_json(self._path(key).read_bytes())
        except (OSError, ValidationError):
            return None

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply."""
        write_atomic(self._path(key), reply.model_dump_json().encode())

    def prices(self) -> Iterator[tuple[str, float]]:
        """Key and US dollars of every reply whose price is known."""
        for path in sorted(self.folder.glob("??/*.json")):
            reply = self.get(path.stem)
            if reply is not None and reply.usd is not None:
                yield path.stem, reply.usd

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"
