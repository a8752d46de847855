"""What every test may use. No test touches the user's cache."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from budget import TINY

from whatchanged.config import BUDGETS, AuditConfig, Budget
from whatchanged.ledger import Ledger


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of base responses, the test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("WHATCHANGED_CACHE", str(folder))
    return folder


@pytest.fixture
def tiny_budget(monkeypatch: pytest.MonkeyPatch) -> Budget:
    """Makes `small` a budget for subjects that answer in a dozen words."""
    monkeypatch.setitem(BUDGETS, "small", TINY)
    return TINY


@pytest.fixture
def new_ledger(tmp_path: Path) -> Callable[..., Ledger]:
    """Ledgers below the test's folder, by name, under the settings given."""

    def make(name: str = "run", **settings: object) -> Ledger:
        return Ledger(tmp_path / name, AuditConfig.model_validate({"base": "b", "candidate": "c", **settings}))

    return make


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Tiny matrices are slower on two; the real model's tests, in the same process, need both."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
