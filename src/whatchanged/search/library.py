"""Prompts that found something, kept from audit to audit in one SQLite file. What is in it is data of others."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from whatchanged.config import AuditConfig
from whatchanged.errors import LibraryError
from whatchanged.records import Prompt, Record
from whatchanged.report.model import WeightsView
from whatchanged.subjects import Subject, parse

# Marks the file as a library ("what"), and its layout.
APPLICATION, LAYOUT = 0x77686174, 1
LONGEST, MOST = 20_000, 10_000
SECONDS = 30.0
TABLE = """
CREATE TABLE found (
    id INTEGER PRIMARY KEY AUTOINCREMENT, prompt_id TEXT NOT NULL, prompt TEXT NOT NULL,
    base TEXT NOT NULL, kind TEXT NOT NULL, under TEXT NOT NULL, UNIQUE (prompt_id, base, kind)
)"""


class Intervention(Record):
    """What was done to which base: the base's weights, the kind in a word or two ('' if unknown), changed modules."""

    base: str
    kind: str = ""
    modules: tuple[str, ...] = ()


class Remembered(Record):
    """A prompt that found something, and under what intervention."""

    prompt: Prompt
    under: Intervention


def intervention(config: AuditConfig, base: Subject, view: WeightsView | None) -> Intervention:
    """By the checkpoints where they were read, else by the candidate's run-time modifiers."""
    if view is not None:
        modules = sorted(f"{m.module}@{'-' if m.layer is None else m.layer}" for m in view.modules)
        return Intervention(base=base.weights_id, kind=view.kind, modules=tuple(modules))
    before, after = (parse(spec)[1] for spec in (config.base, config.candidate))
    added = sorted({name for name, value in after if name != "base" and (name, value) not in before})
    return Intervention(base=base.weights_id, kind="+".join(["", *added]))


def check_library(path: Path) -> None:
    """Raises LibraryError for a file that is no library, and for one that could not be made."""
    if path.exists():
        read_library(path, 1)
    elif not path.absolute().parent.is_dir():
        raise LibraryError(f"library '{path}': there is no folder '{path.parent}'; make it, or give another --library")


def read_library(path: Path, most: int = MOST) -> list[Remembered]:
    """The `most` newest, newest first; none where there is no file yet. Raises LibraryError."""
    if not path.exists():
        return []
    with _opened(path, "ro") as db:
        if _is_empty(db):
            return []
        rows = db.execute(
            "SELECT CAST(prompt AS TEXT), CAST(under AS TEXT) FROM found "
            "WHERE length(prompt) <= ? ORDER BY id DESC LIMIT ?",
            (LONGEST, most),
        )
        return [_remembered(*row) for row in rows]


def add_to_library(path: Path, under: Intervention, prompts: Sequence[Prompt]) -> None:
    """Add the prompts, the first as the newest; one that is there for the same base and kind is made new again.

    Raises LibraryError.
    """
    mine = under.model_dump_json()
    rows = [
        (p.id, p.model_dump_json(include={"messages"}), under.base, under.kind, mine)
        for p in reversed(prompts)
        if p.text.encode(errors="ignore").decode() == p.text  # half an emoji is no JSON
    ]
    with _opened(path, "rwc") as db, db:
        db.execute("BEGIN IMMEDIATE")
        if _is_empty(db):
            db.execute(TABLE)
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {LAYOUT}")
        db.executemany(
            "INSERT OR REPLACE INTO found (prompt_id, prompt, base, kind, under) VALUES (?, ?, ?, ?, ?)", rows
        )


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", SECONDS, uri=True)) as db:
            yield db
    except (sqlite3.Error, ValueError) as error:
        raise LibraryError(f"library '{path}': {_reason(error)}; give another --library") from None


def _reason(error: Exception) -> str:
    # Pydantic's errors quote what they read, on several lines.
    return str(error) if isinstance(error, sqlite3.Error) else "it holds something that is no prompt"


def _is_empty(db: sqlite3.Connection) -> bool:
    """Whether nothing was written yet. Raises sqlite3.DatabaseError for a database of somebody else's."""
    marks = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
    if marks == [0, 0] and not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return True
    if marks != [APPLICATION, LAYOUT]:
        raise sqlite3.DatabaseError("it is a database, but no library of this version of whatchanged")
    return False


def _remembered(prompt: str, under: str) -> Remembered:
    read = Prompt.model_validate_json(prompt)
    if not read.messages or read.messages[-1].role != "user":
        raise ValueError("a prompt that awaits no answer")
    return Remembered(prompt=read, under=Intervention.model_validate_json(under))
