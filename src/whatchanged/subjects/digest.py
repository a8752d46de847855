"""Content hashes of checkpoints."""

import hashlib
import json
from pathlib import Path


def file_digest(file: Path) -> str:
    """16 hex digits of the SHA-256 of the file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


def weights_digest(folder: Path) -> str:
    """16 hex digits of every safetensors file in the folder, by name and content."""
    parts = [f"{f.name}:{file_digest(f)}" for f in sorted(folder.glob("*.safetensors"))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


# Where an adapter came from, and its modules in no fixed order: the tensors' names say them too.
_PROVENANCE = {"base_model_name_or_path", "revision", "inference_mode", "peft_version", "target_modules"}


def adapter_digest(folder: Path) -> str:
    """16 hex digits of a PEFT adapter: its tensors, and the settings that scale them (lora_alpha and the like)."""
    config = json.loads((folder / "adapter_config.json").read_text())
    settings = {key: value for key, value in config.items() if key not in _PROVENANCE}
    parts = weights_digest(folder) + json.dumps(settings, sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:16]
