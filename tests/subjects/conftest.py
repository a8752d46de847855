"""Tiny real checkpoints, built once a session, and the subjects opened from them in float32."""

import json
from pathlib import Path

import huggingface_hub.constants
import pytest
import tiny
import torch
from transformers import AutoModelForCausalLM

from whatchanged.subjects import Subject, open_subjects

NAMED = {"base": tiny.llama, "neox": tiny.neox, "gpt2": tiny.gpt2}


@pytest.fixture(autouse=True, scope="session")
def apart(tmp_path_factory):
    """No network, and a cache of our own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHATCHANGED_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        yield


@pytest.fixture(autouse=True, scope="module")
def _one_thread(one_thread):
    """In every module of this folder."""


@pytest.fixture(scope="session")
def folders(tmp_path_factory) -> dict[str, Path]:
    """base (Llama); a, b (LoRAs on it); neox, gpt2 (other tokenizer, no chat template)."""
    root = tmp_path_factory.mktemp("checkpoints")
    made = {name: make(root / name) for name, make in NAMED.items()}
    return made | {name: tiny.lora(made["base"], root / name, seed) for seed, name in enumerate("ab", start=1)}


@pytest.fixture(scope="session")
def exact(folders) -> dict[str, Subject]:
    """All of them in float32; base, a and b share an engine."""
    specs = [f"{folder}+dtype=float32" for folder in folders.values()]
    return dict(zip(folders, open_subjects(specs, check_vocabulary=False), strict=True))


@pytest.fixture(scope="session")
def reference(folders):
    """What Transformers and PEFT make of a folder by themselves, in float32."""
    from peft import PeftModel

    def load(folder: Path):
        config = folder / "adapter_config.json"
        if not config.is_file():
            return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        below = load(Path(json.loads(config.read_text())["base_model_name_or_path"]))
        return PeftModel.from_pretrained(below, folder).eval()

    return load
