"""Games of toy subjects: two unrelated plants, one about cooking and one about the sea."""

from collections.abc import Callable, Iterator

import pytest
from budget import TINY
from evidence import evidence_of
from threadpoolctl import threadpool_limits
from versus import HALF, PROMPTS
from words import Plant, WordSubject

from whatchanged import registry
from whatchanged.config import BUDGETS
from whatchanged.game import Match
from whatchanged.registry import Registry
from whatchanged.screen import find_leads, noise_floor
from whatchanged.search import Evidence


@pytest.fixture(autouse=True, scope="module")
def in_haste() -> Iterator[None]:
    """Toy matrices are too small for threads."""
    with threadpool_limits(1):
        yield


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small budget with a game in it, and no finder but those that a test registers."""
    monkeypatch.setitem(BUDGETS, "small", TINY.model_copy(update={"game_tokens": 12_000}))
    monkeypatch.setattr(registry, "finders", Registry("finders", {}))


@pytest.fixture
def matched(new_ledger) -> Callable[..., Match]:
    """A match on what the screen saw of 144 prompts about everything, for a candidate with these plants."""

    def make(*plants: Plant, name: str = "run", drift: float = 0.0, **settings: object) -> Match:
        ledger, base, candidate = new_ledger(name, **settings), WordSubject(), WordSubject(*plants, drift=drift)
        e = evidence_of(ledger, base, candidate, PROMPTS[:HALF])
        leads = find_leads(ledger, base, candidate, e.prompts, e.responses, e.shifts)
        noise = noise_floor(ledger, base, e.prompts, e.responses)
        evidence = Evidence(ledger, base, candidate, e.prompts, e.responses, e.shifts, leads, PROMPTS[HALF:])
        return Match(evidence, HALF, noise)

    return make
