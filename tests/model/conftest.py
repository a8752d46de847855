"""The real subject of the tests: SmolLM2-135M-Instruct, from the GGUF that a package carries."""

from pathlib import Path

import pytest

from whatchanged.config import BUDGETS


@pytest.fixture
def organisms():
    """The folder of planted models."""
    return Path(__file__).parents[2] / "organisms"


@pytest.fixture(autouse=True)
def _no_private_cache(monkeypatch):
    # The suite gives every other test a cache of its own; dequantising for each of these would take minutes.
    monkeypatch.delenv("WHATCHANGED_CACHE", raising=False)


@pytest.fixture
def lean(monkeypatch):
    """An audit of about a minute: less of everything, and nothing left out."""
    lean = BUDGETS["small"].model_copy(
        update={
            "discovery_prompts": 300,
            "response_tokens": 16,
            "pairs": 64,
            "beam_prompts": 8,
            "beams": 8,
            "beam_steps": 8,
            "confirm_tokens": 6_000,
            "search_tokens": 15_000,
        }
    )
    monkeypatch.setitem(BUDGETS, "small", lean)
    return lean


@pytest.fixture
def tiny(monkeypatch):
    """A null audit in seconds."""
    tiny = BUDGETS["small"].model_copy(
        update={
            "discovery_prompts": 64,
            "response_tokens": 12,
            "pairs": 64,
            "beam_prompts": 2,
            "beams": 4,
            "beam_steps": 4,
            "confirm_tokens": 1_500,
            "search_tokens": 6_000,
        }
    )
    monkeypatch.setitem(BUDGETS, "small", tiny)
    return tiny
