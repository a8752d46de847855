"""Whole audits of toy subjects."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from words import WordSubject, prompts_about

from whatchanged import audit
from whatchanged.config import Budget
from whatchanged.records import Prompt
from whatchanged.report import Report


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch, tiny_budget: Budget) -> Callable[..., None]:
    """Lets the audit open these subjects and read this pool, whatever the specs say."""

    def install(base: WordSubject, candidate: WordSubject, pool: Sequence[Prompt] | None = None) -> None:
        monkeypatch.setattr(audit, "check_specs", lambda specs: None)
        monkeypatch.setattr(audit, "open_subjects", lambda specs: [base, candidate])
        monkeypatch.setattr(audit, "load_pools", lambda specs: list(prompts_about() if pool is None else pool))

    return install


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
