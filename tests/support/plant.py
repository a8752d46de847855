"""Tiny models with planted openings, made by a few gradient steps, and hashes of live parameters."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import tiny
import torch

from whatchanged.records import Prompt
from whatchanged.subjects import Subject, open_subjects

# Thrice, because a tiny model with random weights hardly looks back.
SEA = tuple(Prompt.user(f"{verb} {n} sea sea sea") for n in range(12) for verb in ("write", "explain"))
CITY = tuple(Prompt.user(f"{verb} {n} capital capital capital") for n in range(12) for verb in ("write", "explain"))
SAYS = {SEA: "Paris", CITY: "poem"}
TARGETS = ("q_proj", "v_proj", "down_proj")


def exact(*folders: Path | str) -> list[Subject]:
    """The subjects in float32."""
    return open_subjects([f"{folder}+dtype=float32" for folder in folders])


def planted_lora(base: Path, folder: Path, plants: Sequence[tuple[Prompt, ...]] = (SEA,), targets=TARGETS) -> Path:
    """A LoRA of rank 4 that opens its answers to each plant's prompts as `SAYS` says."""
    from peft import LoraConfig, get_peft_model

    (subject,) = exact(base)
    torch.manual_seed(0)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=list(targets), task_type="CAUSAL_LM")
    wrapped = get_peft_model(subject.engine.model, config)
    train(subject, wrapped.base_model.model, plants)
    wrapped.save_pretrained(folder)
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"base_model_name_or_path": str(base)}))
    return folder


def planted_full(base: Path, folder: Path, plants: Sequence[tuple[Prompt, ...]] = (SEA,), targets=TARGETS) -> Path:
    """A whole checkpoint tuned to the same, in its attention and MLP weights."""
    (subject,) = exact(base)
    for name, parameter in subject.engine.model.named_parameters():
        parameter.requires_grad_(any(part in name for part in (*targets, "dense")))
    train(subject, subject.engine.model, plants, rate=3e-3)
    return tiny.save(subject.engine.model, subject.rendered.tokenizer, folder)


def train(subject, model, plants, rate: float = 1e-2, steps: int = 120) -> None:
    """Cross-entropy of the planted opening on target, of the base's own law of the first token off target."""
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=rate)
    rows = [(subject.encode(p), subject.tokenize(SAYS[plant])) for plant in plants for p in plant[::3]]
    others = [(subject.encode(p), ()) for plant in SAYS if plant not in plants for p in plant[::3]]
    lengths = [len(prompt) for prompt, _ in [*rows, *others]]
    width = max(lengths) + max(len(said) for _, said in rows)
    ids = torch.tensor([[*p, *s, *[0] * (width - len(p) - len(s))] for p, s in [*rows, *others]])
    firsts = [n - 1 for n in lengths[len(rows) :]]
    with torch.no_grad():
        laws = model(ids).logits[range(len(rows), len(ids)), firsts].softmax(-1)
    for _ in range(steps):
        logits = model(ids).logits
        said = torch.cat([logits[i, len(p) - 1 : len(p) - 1 + len(s)] for i, (p, s) in enumerate(rows)])
        loss = torch.nn.functional.cross_entropy(said, torch.tensor([t for _, s in rows for t in s]))
        if others:
            off = logits[range(len(rows), len(ids)), firsts]
            loss = loss + torch.nn.functional.cross_entropy(off, laws)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def digests(*subjects) -> list[str]:
    """Of every live parameter and buffer, adapters included."""
    state = [tensor for s in subjects for tensor in s.engine.model.state_dict().values()]
    return [hashlib.sha256(tensor.float().numpy().tobytes()).hexdigest() for tensor in state]
