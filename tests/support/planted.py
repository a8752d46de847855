"""Changes of known factors, planted in tiny checkpoints, and plain torch to compare predictions with."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tiny
import torch

from whatchanged.records import Prompt
from whatchanged.subjects import Subject, open_subjects
from whatchanged.weights.predict import ReadDirections, read_directions


def opened(folder: Path, dtype: str = "float32") -> Subject:
    """The folder's model."""
    (subject,) = open_subjects([f"{folder}+dtype={dtype}"])
    return subject


def plant(base: Path, folder: Path, deltas: dict[str, np.ndarray]) -> Path:
    """The base with deltas[name] added to its tensors."""

    def add(tensors: dict[str, torch.Tensor]) -> None:
        for name, delta in deltas.items():
            tensors[name] += torch.from_numpy(np.asarray(delta, np.float32))

    return tiny.copied(base, folder, add)


def directions(base: Path, folder: Path, subject: Subject, deltas: dict[str, np.ndarray]) -> ReadDirections:
    """Those of the planted change."""
    return read_directions(str(base), str(plant(base, folder, deltas)), subject)


def random_deltas(subject: Subject, rank: int, size: float, seed: int, ending: str = "") -> dict[str, np.ndarray]:
    """Low-rank Gaussian changes, of `size` relative to each linear layer below the head."""
    rng, model, found = np.random.default_rng(seed), subject.engine.model, {}
    for path, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not subject.engine.unembedding and path.endswith(ending):
            rows, columns = module.weight.shape
            delta = rng.standard_normal((rows, rank)) @ rng.standard_normal((rank, columns))
            found[f"{path}.weight"] = delta * size * float(module.weight.detach().norm()) / np.linalg.norm(delta)
    return found


def inputs(subject: Subject, ids: Sequence[int], paths: Sequence[str]) -> dict[str, torch.Tensor]:
    """float32[positions, in]: what the layers are given when the whole sequence runs by itself."""
    seen: dict[str, torch.Tensor] = {}

    def note(path):
        return lambda module, args, output: seen.__setitem__(path, args[0][0].clone())

    handles = [subject.engine.model.get_submodule(p).register_forward_hook(note(p)) for p in paths]
    with torch.no_grad():
        subject.engine.model(torch.tensor([list(ids)]))
    for handle in handles:
        handle.remove()
    return seen


def logits(subject: Subject, prompt: Prompt) -> torch.Tensor:
    """float32[vocabulary] at the response's first position."""
    with torch.inference_mode():
        return subject.engine.model(torch.tensor([subject.encode(prompt)])).logits[0, -1].float()
