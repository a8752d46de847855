"""GGUF files, dequantised once into a cached safetensors folder: reading one takes 15 s, the folder 1 s."""

import os
import shutil
import tempfile
from pathlib import Path

from whatchanged.errors import CheckpointError, MissingExtra
from whatchanged.ledger.cache import cache_root
from whatchanged.subjects.digest import file_digest


def dequantised(file: Path) -> Path:
    """The folder with the file's weights in bfloat16 and its tokenizer. Raises CheckpointError if unreadable."""
    folder = cache_root() / "gguf" / file_digest(file)
    if not (folder / "config.json").is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            _convert(file, scratch)
            os.replace(scratch, folder)
        except OSError:
            # Another run may have put the same there in the meantime.
            if not (folder / "config.json").is_file():
                raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _convert(file: Path, folder: Path) -> None:
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
        from transformers.utils import logging
    except ImportError as error:
        raise MissingExtra(error.name or "torch", "hf") from None

    logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            file.parent,
            gguf_file=file.name,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
        )
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    except Exception as error:
        detail = " ".join(str(error).split())[:160]
        raise CheckpointError(f"GGUF file '{file}' cannot be read, download or convert it again ({detail})") from None
    _unmark(model)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _unmark(model: object) -> None:
    """Transformers marks a model read from GGUF as quantised even when dense, and then refuses to save it."""
    for name in ("hf_quantizer", "quantization_method"):
        if hasattr(model, name):
            delattr(model, name)
    model.is_quantized = False  # type: ignore[attr-defined]
    config = model.config  # type: ignore[attr-defined]
    if hasattr(config, "quantization_config"):
        del config.quantization_config
