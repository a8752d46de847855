"""A log spec to a log."""

from pathlib import Path

from whatchanged.errors import LogError
from whatchanged.recordings.log import Log
from whatchanged.recordings.rows import LOG
from whatchanged.registry import recordings as readers

SUFFIXES = {".eval": "inspect", ".json": "inspect", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}


def read_log(spec: str) -> Log:
    """The log that a spec names: a path, or KIND:PATH with KIND a member of `registry.recordings`.

    A path's suffix tells its kind (`SUFFIXES`); JSON lines are lm-eval's if the file is called
    samples_*.jsonl or its first row has `doc_id` and `resps`. `KIND:` wins over a file so named: write
    `./KIND:...` for that. Raises LogError for a spec that names no log, and what the readers raise.
    """
    kind, colon, rest = spec.partition(":")
    if not (colon and kind in readers):
        kind, rest = _kind_of(Path(spec)), spec
    log: Log = readers[kind](Path(rest))
    return log


def _kind_of(path: Path) -> str:
    kinds = ", ".join(sorted(readers))
    if not path.exists():
        raise LogError(f"log '{path}': no such file, nor KIND:PATH with KIND one of {kinds}")
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise LogError(f"log '{path}': its suffix tells no kind; write KIND:PATH with KIND one of {kinds}")
    return "lm-eval" if kind == "jsonl" and _is_lm_eval(path) else kind


def _is_lm_eval(path: Path) -> bool:
    if path.name.startswith("samples_"):
        return True
    try:
        row = LOG.json_object(next(LOG.lines(path), (0, ""))[1])
    except ValueError:
        return False  # the reader of JSON lines says what is wrong with it
    return "doc_id" in row and bool({"resps", "filtered_resps"} & row.keys())
