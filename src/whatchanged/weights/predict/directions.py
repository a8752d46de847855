"""The factors of dW for every linear layer that changed: what the layer reads, what it writes, and how strongly."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from whatchanged.errors import AccessError
from whatchanged.subjects import Access, Subject
from whatchanged.subjects.spec import parse, resolve
from whatchanged.weights.diff import singular_triples, weight_diff
from whatchanged.weights.dtypes import Floats
from whatchanged.weights.model import TensorDiff, WeightDiff
from whatchanged.weights.names import layer_of, same_head
from whatchanged.weights.read import is_gguf
from whatchanged.weights.spectrum import Triples

if TYPE_CHECKING:
    from whatchanged.subjects.transformers import TransformersSubject

# Singular values below this share of the largest are rounding.
NOTHING = 1e-6


@dataclass(frozen=True)
class Directions:
    """dW ~ left @ diag(values) @ right.T of one linear layer, out x in as PyTorch holds it.

    `left` float32[out, k] are write directions, `right` float32[in, k] read directions, both with orthonormal
    columns; `values` float32[k] fall. `module` is the layer's path in the base's model, `norm` is |W|_F, and
    `held` the share of |dW|_F^2 that the k directions hold.
    """

    name: str
    module: str
    left: Floats
    values: Floats
    right: Floats
    norm: float
    held: float

    @property
    def layer(self) -> int | None:
        """The decoder layer's number; None for the head."""
        return layer_of(self.name)


@dataclass(frozen=True)
class ReadDirections:
    """Every changed linear layer, in the checkpoint's order. `skipped` names changed tensors that are none."""

    modules: tuple[Directions, ...]
    skipped: tuple[str, ...] = ()


def read_directions(
    base_spec: str,
    candidate_spec: str,
    base: Subject,
    rank: int = 16,
    *,
    seed: int = 0,
    diff: WeightDiff | None = None,
    among: re.Pattern[str] | None = None,
) -> ReadDirections:
    """The factors of dW: exact for adapters and small matrices, else the `rank` leading singular triples.

    The specs name checkpoints, without run-time modifiers; `base` is the loaded base, whose layers they are matched
    with. `diff` saves a second comparison where `weight_diff` has already run; `among` leaves out tensors whose name
    without its last part it does not match. Embeddings, norms, biases and resized tensors are skipped. Raises
    SpecError, CheckpointError, MissingExtra, or AccessError below 'weights'.
    """
    owner = weights_of(base)
    if is_gguf(base_spec) and is_gguf(candidate_spec):
        diff = None  # under GGUF's names
    base_spec, candidate_spec = _named_as_transformers(base_spec), _named_as_transformers(candidate_spec)
    diff = diff or weight_diff(base_spec, candidate_spec, rank=rank, seed=seed)
    model = owner.engine.model
    changed = {t.name: t for t in diff.tensors if t.delta_norm > 0 or t.status == "added"}
    if among is not None:
        changed = {name: t for name, t in changed.items() if among.search(name.rpartition(".")[0])}
    found = {name: path for name, t in changed.items() if (path := _linear(model, t)) is not None}
    modules = [
        _directions(changed[name], model, found[name], triples, rank)
        for name, triples in singular_triples(base_spec, candidate_spec, list(found), rank=rank, seed=seed)
    ]
    return ReadDirections(tuple(modules), tuple(name for name in changed if name not in found))


def weights_of(subject: Subject) -> "TransformersSubject":
    """The subject as one whose layers can be hooked. Raises AccessError where they cannot."""
    if subject.access < Access.weights:
        raise AccessError(subject.name, "reading directions", subject.access.name, Access.weights.name)
    return subject  # type: ignore[return-value]


@contextmanager
def in_force(base: "TransformersSubject", hooks: Sequence[tuple[str, Any]] = ()) -> Iterator[None]:
    """The subject's adapter and modifiers switched on, and forward hooks on modules by path."""
    with base.switched_on():
        handles = [base.engine.model.get_submodule(path).register_forward_hook(hook) for path, hook in hooks]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _named_as_transformers(spec: str) -> str:
    """A pair of GGUF files would be read under GGUF's names: take the folders that audits load."""
    return str(resolve(parse(spec)[0]).folder) if is_gguf(spec) else spec


def _linear(model: Any, tensor: TensorDiff) -> str | None:
    """Path of the layer whose weight this is; None where it is no linear layer of that shape."""
    if tensor.base_shape is None or tensor.base_shape != tensor.candidate_shape:
        return None
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    path, dot, last = tensor.name.rpartition(".")
    # Checkpoints of bare decoders lack the prefix that the whole model has; a head may have another name in the file.
    head = same_head(tensor.name, (f"{n}.weight" for n, _ in model.named_modules()))
    for candidate in (path, f"{model.base_model_prefix}.{path}", *([head.rpartition(".")[0]] if head else [])):
        try:
            module = model.get_submodule(candidate)
        except AttributeError:
            continue
        inner = getattr(module, "base_layer", module)
        fits = isinstance(inner, nn.Linear | Conv1D) and tuple(inner.weight.shape) == tensor.base_shape
        return candidate if fits and dot and last == "weight" else None
    return None


def _directions(tensor: TensorDiff, model: Any, path: str, triples: Triples, rank: int) -> Directions:
    from transformers.pytorch_utils import Conv1D

    count = len(triples.values) if triples.exact else min(rank, len(triples.values))
    count = max(1, int((triples.values[:count] > NOTHING * triples.values[0]).sum()))
    left, right = triples.left[:, :count], triples.right[:count].T
    module = model.get_submodule(path)
    if isinstance(getattr(module, "base_layer", module), Conv1D):  # GPT-2 stores in x out
        left, right = right, left
    values = triples.values[:count]
    return Directions(
        name=tensor.name,
        module=path,
        left=np.ascontiguousarray(left, np.float32),
        values=values.astype(np.float32),
        right=np.ascontiguousarray(right, np.float32),
        norm=tensor.norm or 0.0,
        held=min(1.0, float(values @ values) / tensor.delta_norm**2),
    )
