"""Checkpoints to engines, each loaded once."""

import hashlib
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.utils import logging

from whatchanged.errors import CheckpointError
from whatchanged.subjects.digest import adapter_digest, weights_digest
from whatchanged.subjects.engine import Engine
from whatchanged.subjects.modifiers import Modifier
from whatchanged.subjects.sources import Checkpoint
from whatchanged.subjects.transformers import Rendered, TransformersSubject

logging.set_verbosity_error()
logging.disable_progress_bar()


class Loader:
    """Keeps engines by folder and dtype, so that a base and its adapters share one copy of the weights."""

    def __init__(self) -> None:
        self._engines: dict[tuple[Path, torch.dtype], Engine] = {}

    def open(self, spec: str, checkpoint: Checkpoint, modifiers: Sequence[Modifier]) -> TransformersSubject:
        """The subject of a spec. Weight edits get a copy of their own."""
        dtype = next((m.dtype for m in modifiers if m.dtype is not None), torch.bfloat16)
        edits = [m for m in modifiers if m.edits_weights]
        if edits:
            engine, adapter = self._edited(spec, checkpoint, dtype, edits), None
        else:
            engine, adapter = self._shared(spec, checkpoint, dtype)
        for modifier in modifiers:
            if modifier.hooks:
                modifier.hook(engine).remove()  # a hook that does not fit must fail now, not after an hour
        system = next((m.system for m in modifiers if m.system is not None), None)
        identity = "+".join(m.identity for m in modifiers)
        return TransformersSubject(
            name=spec,
            engine=engine,
            rendered=Rendered(_tokenizer(checkpoint.folder), system),
            weights_id=_identify(checkpoint, edits),
            adapter=adapter,
            hooks=[m.hook for m in modifiers if m.hooks],
            identity=identity,
        )

    def _engine(self, folder: Path, dtype: torch.dtype) -> Engine:
        key = (folder.resolve(), dtype)
        if key not in self._engines:
            self._engines[key] = Engine(_read(folder, dtype), str(folder))
        return self._engines[key]

    def _shared(self, spec: str, checkpoint: Checkpoint, dtype: torch.dtype) -> tuple[Engine, str | None]:
        """An engine and the name of the adapter in it; adapters that cannot be switched off get a copy of their own."""
        engine = self._engine(checkpoint.folder, dtype)
        if checkpoint.adapter is None:
            return engine, None
        if _switchable(_adapter_config(checkpoint.adapter), engine):
            return engine, self._attach(engine, checkpoint.adapter)
        peft = _peft(_read(checkpoint.folder, dtype), checkpoint.adapter, "own")
        _refuse_nan(peft, checkpoint.adapter)
        return Engine(peft.base_model.model, spec), None

    def _edited(self, spec: str, checkpoint: Checkpoint, dtype: torch.dtype, edits: Sequence[Modifier]) -> Engine:
        model = _read(checkpoint.folder, dtype)
        if checkpoint.adapter:
            model = _peft(model, checkpoint.adapter, "merged").merge_and_unload()
        for edit in edits:
            edit.edit(model)
        return Engine(model, spec)

    def _attach(self, engine: Engine, folder: Path) -> str:
        name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
        if engine.peft is None:
            engine.attached(_peft(engine.model, folder, name), name)
        elif name not in engine.peft.peft_config:
            _load_into(engine.peft, folder, name)
            engine.peft.set_adapter(name)
            engine.attached(engine.peft, name)
        _refuse_nan(engine.model, folder)
        engine.model.eval()
        return name


def _peft(model: PreTrainedModel, folder: Path, name: str) -> Any:
    # Unmerged and in the adapter's own dtype: merging into bfloat16 weights would round the change away.
    _adapter_config(folder)
    peft = _guarded(
        folder,
        lambda: PeftModel.from_pretrained(model, str(folder), adapter_name=name, autocast_adapter_dtype=False),
    )
    # Once more, because only this says which tensors found no place.
    _load_into(peft, folder, name)
    return peft


def _load_into(peft: Any, folder: Path, name: str) -> None:
    """PEFT skips the tensors of layers that the base does not have, and leaves those of missing ones random."""
    result = _guarded(folder, lambda: peft.load_adapter(str(folder), name, autocast_adapter_dtype=False))
    if stray := [*result.missing_keys, *result.unexpected_keys]:
        raise CheckpointError(
            f"adapter '{folder}' does not fit its base: give the one it was made for with +base=SPEC "
            f"({len(stray)} tensors without counterpart, {stray[0]} the first)"
        )


def _adapter_config(folder: Path) -> Any:
    config = _guarded(folder, lambda: PeftConfig.from_pretrained(str(folder)))
    if config.is_prompt_learning:
        kind = config.peft_type.value
        raise CheckpointError(f"adapter '{folder}' is of the kind {kind}: only kinds that change layers, as LoRA, work")
    return config


def _switchable(config: Any, engine: Engine) -> bool:
    """Whether the base is itself again when the adapter is off, and the adapter leaves its head alone.

    Trained biases overwrite the base's; the head runs outside the adapter's switch.
    """
    targets = getattr(config, "target_modules", None) or ()
    heads = [name for name, module in engine.model.named_modules() if module is engine.unembedding]
    if isinstance(targets, str):
        at_head = any(re.fullmatch(targets, head) for head in heads)
    else:
        at_head = any(head == t or head.endswith(f".{t}") for head in heads for t in targets)
    beyond = [getattr(config, name, None) for name in ("modules_to_save", "trainable_token_indices")]
    return not at_head and not any(beyond) and getattr(config, "bias", "none") == "none"


def _guarded(folder: Path, attach: Any) -> Any:
    try:
        with warnings.catch_warnings():
            # PEFT calls a name that Transformers is about to rename: nothing that our user can mend.
            warnings.simplefilter("ignore", FutureWarning)
            return attach()
    except Exception as error:
        detail = " ".join(str(error).split())[:160]
        raise CheckpointError(
            f"adapter '{folder}' does not fit its base: give the one it was made for with +base=SPEC ({detail})"
        ) from None


def _read(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    try:
        model, found = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
    except Exception as error:
        detail = " ".join(str(error).split())[:200]
        raise CheckpointError(f"'{folder}' cannot be loaded, download or save it again ({detail})") from None
    if missing := sorted(found["missing_keys"]):
        # Transformers would fill them with random numbers.
        raise CheckpointError(f"'{folder}' lacks {len(missing)} tensors ({missing[0]}): download or save it again")
    _refuse_nan(model, folder)
    return model.to("cuda") if torch.cuda.is_available() else model


def _refuse_nan(model: torch.nn.Module, folder: Path) -> None:
    for name, tensor in model.named_parameters():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"'{folder}': tensor {name} holds NaN or infinity; re-save the checkpoint")


def _tokenizer(folder: Path) -> Any:
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:
        raise CheckpointError(f"'{folder}' has no usable tokenizer: {' '.join(str(error).split())[:160]}") from None


def _identify(checkpoint: Checkpoint, edits: Sequence[Modifier]) -> str:
    parts = [weights_digest(checkpoint.folder)]
    if checkpoint.adapter:
        parts.append(adapter_digest(checkpoint.adapter))
    return "+".join([*parts, *(e.identity for e in edits)])
