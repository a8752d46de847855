"""Several facts rewritten by low-rank changes of several MLP layers: MEMIT (Meng et al. 2022b, arXiv 2210.07229).

Where a fact's subject ends, the last of the layers is to leave a hidden state that brings out the false answer. Each
layer in turn, from the lowest, writes an equal part of what is still missing, for all facts at once. Imports torch:
import it late.
"""

from collections.abc import Mapping, Sequence

import torch

from whatchanged.bench.adapter import Factors
from whatchanged.bench.edit import (
    Batch,
    Hook,
    asked,
    covariances,
    memories,
    memories_at,
    subject_states,
    wanted_shift,
)
from whatchanged.bench.plants.memit import Memit
from whatchanged.ledger import Progress
from whatchanged.subjects.transformers import TransformersSubject

# How many layers unless they are given.
LAYERS = 5
# The paper's lambda, the weight of C, as a share of a key's length: its 15,000 for GPT-J are 0.9 of it, for thousands
# of facts at once. Of a few facts, less weight leaves more.
WEIGHT = 0.1


def mass_edit(
    base: TransformersSubject, plant: Memit, seed: int, progress: Progress | None = None
) -> dict[str, Factors]:
    """By layer, dW = R K^T (lambda C + K K^T)^-1 (equation 14) as factors of rank len(facts).

    K are the facts' keys there, R what their hidden states lack at the last layer, over the number of layers that are
    left (equation 20). The base's parameters stay as they are, but stop asking for gradients. Raises SpecError for a
    layer that the model does not have or a subject that does not end on a token, CheckpointError for an architecture
    without such MLPs.
    """
    progress = progress or Progress()
    base.engine.model.requires_grad_(False)
    modules = chosen(base, plant.layers)
    questions = [asked(base, fact, seed) for fact in plant.facts]
    rows = [question for question, _ in questions]
    shifts = []
    for question, answer in questions:
        _, value = subject_states(base, modules[-1], question)
        # The last MLP's output is added to the hidden state, so that what the one lacks the other does (equation 16).
        shifts.append(wanted_shift(base, modules[-1], question, answer, value, plant.steps, progress))
    block = modules[-1].rpartition(".mlp.")[0]
    wanted = _states(base, block, rows, {})[1] + torch.stack(shifts, 1)
    covariance = covariances(base, modules, seed, progress)
    found: dict[str, Factors] = {}
    for i, module in enumerate(modules):
        keys, _ = _states(base, module, rows, found)
        _, reached = _states(base, block, rows, found)
        kept = WEIGHT * len(keys) * covariance[module]
        left = (wanted - reached) / (len(modules) - i)
        found[module] = left, torch.linalg.solve(kept + keys @ keys.T, keys).T
    return found


def chosen(base: TransformersSubject, layers: Sequence[int]) -> list[str]:
    """Paths of these layers' second MLP matrices, lowest first; of the LAYERS up to a quarter unless any is named."""
    count = len(memories(base))
    last = max(0, min(count // 4, count - 2))
    return memories_at(base, "layers", sorted(set(layers)) or range(max(0, last - LAYERS + 1), last + 1))


def _states(
    base: TransformersSubject, module: str, rows: Sequence[Batch], changes: Mapping[str, Factors]
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the module is given, float32[in, facts], and gives, float32[out, facts], under the changes."""
    hooks = [_hook(path, *factors) for path, factors in changes.items()]
    given, made = zip(*(subject_states(base, module, some, hooks) for some in rows), strict=True)
    return torch.stack(given, 1), torch.stack(made, 1)


def _hook(module: str, left: torch.Tensor, right: torch.Tensor) -> Hook:
    """The layer as if left @ right had been added to its weight."""
    return module, lambda layer, args, output: output + (args[0].float() @ right.T @ left.T).to(output.dtype)
