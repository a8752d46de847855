"""Tiny checkpoints with planted openings, made once a session."""

from pathlib import Path

import plant
import pytest
import tiny
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Tiny matrices are slower on two."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def planted(one_thread, tmp_path_factory) -> dict[str, Path]:
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
