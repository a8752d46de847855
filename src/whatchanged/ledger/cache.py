"""Results that any audit may reuse, as pure functions of their key: base responses above all."""

import os
import tempfile
from pathlib import Path

from platformdirs import user_cache_dir


def cache_root() -> Path:
    """The shared cache folder: WHATCHANGED_CACHE, or the user's cache directory."""
    return Path(os.environ.get("WHATCHANGED_CACHE") or user_cache_dir("whatchanged"))


class ResponseCache:
    """Bytes by key, below `cache_root()/responses`. A key holds all that the value depends on."""

    def __init__(self, root: Path | None = None) -> None:
        self.folder = (root or cache_root()) / "responses"

    def get(self, key: str) -> bytes | None:
        """The stored value, or None."""
        path = self._path(key)
        return path.read_bytes() if path.is_file() else None

    def put(self, key: str, value: bytes) -> None:
        """Store once; a value that is there stays."""
        if not self._path(key).is_file():
            write_atomic(self._path(key), value)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"


def write_atomic(path: Path, data: bytes) -> None:
    """Write to a neighbour, flush, then rename: a reader sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(scratch, path)
