"""Whole audits of toy subjects."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits
from words import WordSubject, prompts_about

from whatchanged import audit, opened
from whatchanged.config import Budget
from whatchanged.records import Prompt
from whatchanged.report import Report


def install(
    patch: pytest.MonkeyPatch, base: WordSubject, candidate: WordSubject, pool: Sequence[Prompt] | None = None
) -> None:
    """Let the audit open these subjects and read this pool, whatever the specs say."""
    patch.setattr(opened, "check_specs", lambda specs: None)
    patch.setattr(opened, "open_subjects", lambda specs, **_: [base, candidate])
    patch.setattr(opened, "load_pools", lambda specs: list(prompts_about() if pool is None else pool))


@pytest.fixture(autouse=True, scope="module")
def in_haste() -> Iterator[None]:
    """Toy matrices are too small for threads, and no test pulls the plug between a write and the disk."""
    with threadpool_limits(1), pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch, tiny_budget: Budget) -> Callable[..., None]:
    """`install` for the length of the test."""

    def work(*subjects_and_pool: object) -> None:
        install(monkeypatch, *subjects_and_pool)

    return work


@pytest.fixture
def diff(toys: Callable[..., None], tmp_path: Path) -> Callable[..., Report]:
    """`audit.diff` of two toys; `name` names the run directory below the test's folder."""

    def run(
        base: WordSubject,
        candidate: WordSubject,
        name: str = "run",
        pool: Sequence[Prompt] | None = None,
        **settings: object,
    ) -> Report:
        toys(base, candidate, pool)
        return audit.diff("base", "candidate", out=tmp_path / name, **settings)

    return run
