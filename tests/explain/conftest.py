"""Tiny checkpoints with planted openings, made once a session."""

from pathlib import Path

import plant
import pytest
import tiny


@pytest.fixture(autouse=True, scope="module")
def _one_thread(one_thread):
    """In every module of this folder."""


@pytest.fixture(scope="session")
def planted(tmp_path_factory) -> dict[str, Path]:
    """llama, neox; lora (one plant), both (two plants), full (one, a whole Llama), neox_full."""
    root = tmp_path_factory.mktemp("planted")
    base, neox = tiny.llama(root / "llama"), tiny.neox(root / "neox")
    return {
        "llama": base,
        "neox": neox,
        "lora": plant.planted_lora(base, root / "lora"),
        "both": plant.planted_lora(base, root / "both", (plant.SEA, plant.CITY)),
        "full": plant.planted_full(base, root / "full"),
        "neox_full": plant.planted_full(neox, root / "neox-full"),
    }
