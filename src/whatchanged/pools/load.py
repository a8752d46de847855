"""Pool specs to prompts."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from whatchanged.errors import PoolError
from whatchanged.pools.builtin import load_builtin
from whatchanged.records import Prompt
from whatchanged.registry import pools as readers

SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".txt": "text",
    ".eval": "inspect",
    ".json": "inspect",
}


def load_pools(specs: Sequence[str]) -> list[Prompt]:
    """The prompts of all specs together, each once, in the order of their first appearance.

    A spec is `builtin`; `builtin:TAG`, only the prompts with that tag or one below it (`builtin:facts`,
    `builtin:facts/history`); `KIND:PATH` with KIND a member of `registry.pools`; or a path whose kind
    its suffix tells (`SUFFIXES`; a folder is a saved dataset). `KIND:` and `builtin` win over files so
    named; write `./builtin` for those. Prompts with the same `id` are one, with the tags of all.

    Raises PoolError for a spec that names no pool, and what the readers raise.
    """
    prompts = merge(prompt for spec in specs for prompt in _read(spec))
    if not prompts:
        raise PoolError("no prompt pool given; give at least one, for example 'builtin'")
    return prompts


def merge(prompts: Iterable[Prompt]) -> list[Prompt]:
    """Each prompt once, at its first place and with its first source, its tags united."""
    found: dict[str, Prompt] = {}
    for prompt in prompts:
        first = found.setdefault(prompt.id, prompt)
        if missing := [tag for tag in prompt.tags if tag not in first.tags]:
            found[prompt.id] = first.model_copy(update={"tags": (*first.tags, *missing)})
    return list(found.values())


def _read(spec: str) -> list[Prompt]:
    kind, colon, rest = spec.partition(":")
    if kind == "builtin":
        return _tagged(rest) if colon else load_builtin()
    if colon and kind in readers:
        return list(readers[kind](Path(rest)))
    return list(readers[_kind_of(Path(spec))](Path(spec)))


def _tagged(tag: str) -> list[Prompt]:
    prompts = load_builtin()
    chosen = [p for p in prompts if any(t == tag or t.startswith(f"{tag}/") for t in p.tags)]
    if not chosen:
        known = sorted({t.partition("/")[0] for p in prompts for t in p.tags})
        raise PoolError(f"pool builtin:{tag}: no such tag; one of {', '.join(known)}")
    return chosen


def _kind_of(path: Path) -> str:
    if not path.exists():
        kinds = ", ".join(sorted(readers))
        raise PoolError(f"pool '{path}': no such file or folder, nor KIND:PATH with KIND one of {kinds}")
    kind = "dataset" if path.is_dir() else SUFFIXES.get(path.suffix.lower())
    if kind is None:
        kinds = ", ".join(sorted(set(readers) - {"builtin"}))
        raise PoolError(f"pool '{path}': its suffix tells no kind; write KIND:PATH with KIND one of {kinds}")
    return kind
