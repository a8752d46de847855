"""Whole runs of every method on toy subjects."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits
from words import KITCHEN, TOPICS, Plant, WordSubject

from tests.audit.conftest import install
from whatchanged import audit, opened
from whatchanged.records import Prompt
from whatchanged.report import Report
from whatchanged.roles import Roles
from whatchanged.subjects import Subject

COOKING = Plant(KITCHEN, 0.8, TOPICS["cooking"])
# For real, tiny models of which one opens its answers on the sea with a word.
VERBS = ("write", "explain", "please", "then", "What is", "poem about")
POOL = [Prompt.user(f"{verb} {n} {w} {w} {w}") for w in ("sea", "capital") for verb in VERBS for n in range(30)]


@pytest.fixture(autouse=True, scope="module")
def in_haste() -> Iterator[None]:
    """Toy matrices are too small for threads, and no test pulls the plug between a write and the disk."""
    with threadpool_limits(1), pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tiny_budget: object, tmp_path: Path) -> Callable[..., Report]:
    """`audit.diff` by a method, of the word model and of one with the cooking plant; `name`: the run directory."""

    def work(
        method: str,
        name: str = "run",
        base: WordSubject | None = None,
        candidate: WordSubject | None = None,
        reasoner: object = None,
        **settings: object,
    ) -> Report:
        install(monkeypatch, base or WordSubject(), candidate or WordSubject(COOKING))
        monkeypatch.setattr(opened, "open_roles", lambda ledger, purse, labels: Roles(ledger, reasoner, labels=labels))
        return audit.diff("base", "candidate", out=tmp_path / name, method=method, **settings)

    return work


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Subject]:
    """A tiny Llama and its LoRA that opens answers on the sea with "Paris"."""
    import tiny
    from plant import exact, planted_lora

    base = tiny.llama(tmp_path_factory.mktemp("base") / "llama")
    return exact(base, planted_lora(base, tmp_path_factory.mktemp("lora") / "lora"))
