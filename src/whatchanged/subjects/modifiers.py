"""`+name=value` after a spec: interventions that need no checkpoint of their own. One class each."""

import hashlib
import math
import os.path
from pathlib import Path
from typing import Any, ClassVar

import torch

from whatchanged.errors import SpecError


class Modifier:
    """What a modifier may change; each subclass changes one thing. `value` is the text after '='."""

    edits_weights: ClassVar[bool] = False
    hooks: ClassVar[bool] = False
    dtype: torch.dtype | None = None
    system: str | None = None

    def __init__(self, value: str) -> None:
        self.value = value

    @property
    def identity(self) -> str:
        """What cached results depend on."""
        return f"{type(self).__name__.lower()}={self.value}"

    def edit(self, model: Any) -> None:
        """Change the weights in place."""

    def hook(self, engine: Any) -> Any:
        """Attach a forward hook; returns its handle."""


class Dtype(Modifier):
    """Compute in this dtype: bfloat16 (default), float32 or float16."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        if value not in ("bfloat16", "float32", "float16"):
            raise SpecError(f"dtype={value}: one of bfloat16, float32, float16")
        self.dtype = getattr(torch, value)


class System(Modifier):
    """A system message for every prompt: a file, or the text itself."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        try:
            self.system = Path(value).read_text() if os.path.isfile(value) else value
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError(f"system={value}: {error}") from None

    @property
    def identity(self) -> str:
        """The message itself, not the file's name."""
        return f"system={self.system}"


class Quantize(Modifier):
    """Round linear weights symmetrically: int8 a row, int4 in groups of 32 along the input."""

    edits_weights = True

    def __init__(self, value: str) -> None:
        super().__init__(value)
        if value not in ("int8", "int4"):
            raise SpecError(f"quantize={value}: one of int8, int4")

    @torch.no_grad()
    def edit(self, model: Any) -> None:
        """Round every linear layer of the decoder; embeddings and head stay."""
        for weight in _linear_weights(model, self):
            top = 127 if self.value == "int8" else 7
            group = weight.shape[1] if self.value == "int8" or weight.shape[1] % 32 else 32
            grouped = weight.float().reshape(weight.shape[0], -1, group)
            scale = grouped.abs().amax(-1, keepdim=True).clamp(min=1e-12) / top
            weight.copy_(((grouped / scale).round() * scale).reshape(weight.shape))


class Noise(Modifier):
    """Gaussian noise on linear weights; SIGMA is relative to each matrix's root mean square."""

    edits_weights = True

    def __init__(self, value: str) -> None:
        super().__init__(value)
        try:
            self.sigma = float(value)
        except ValueError:
            raise SpecError(f"noise={value}: a number, relative to the weights' root mean square") from None
        if not 0 <= self.sigma < 10:
            raise SpecError(f"noise={value}: between 0 and 10")

    @torch.no_grad()
    def edit(self, model: Any) -> None:
        """Add the same noise every time: the generator is seeded."""
        generator = torch.Generator().manual_seed(0)
        for weight in _linear_weights(model, self):
            noise = torch.randn(weight.shape, generator=generator).to(weight.device)
            scale = weight.float().pow(2).mean().sqrt() * self.sigma
            weight.copy_(weight.float() + noise * scale)


class Prune(Modifier):
    """Zero the SHARE of each linear weight's entries that is smallest in size."""

    edits_weights = True

    def __init__(self, value: str) -> None:
        super().__init__(value)
        try:
            self.share = float(value)
        except ValueError:
            raise SpecError(f"prune={value}: a share of the weights, from 0 to below 1") from None
        if not 0 <= self.share < 1:
            raise SpecError(f"prune={value}: a share of the weights, from 0 to below 1")

    @torch.no_grad()
    def edit(self, model: Any) -> None:
        """Matrix by matrix; embeddings and head stay. Of equal sizes all go or stay."""
        for weight in _linear_weights(model, self):
            sizes = weight.abs().float()
            if count := int(self.share * sizes.numel()):
                weight[sizes <= sizes.flatten().kthvalue(count).values] = 0


class Steer(Modifier):
    """FILE:LAYER:SCALE adds scale x vector to the output of a decoder layer at every position.

    FILE is .npy (never pickled) or .safetensors with one tensor of the hidden width.
    """

    hooks = True

    def __init__(self, value: str) -> None:
        super().__init__(value)
        try:
            file, layer, scale = value.rsplit(":", 2)
            self.layer, self.scale = int(layer), float(scale)
        except ValueError:
            raise SpecError(f"steer={value}: write steer=FILE:LAYER:SCALE") from None
        self.vector = _read_vector(Path(file))
        if not (math.isfinite(self.scale) and torch.isfinite(self.vector).all()):
            raise SpecError(f"steer={value}: the vector or the scale is NaN or infinite")

    @property
    def identity(self) -> str:
        """The vector itself, not the file's name."""
        digest = hashlib.sha256(self.vector.numpy().tobytes()).hexdigest()[:16]
        return f"steer={digest}:{self.layer}:{self.scale}"

    def hook(self, engine: Any) -> Any:
        """Raises SpecError when layer or width do not fit the model."""
        layers = getattr(engine.decoder, "layers", None)
        if layers is None:
            raise SpecError(f"steer={self.value}: no decoder layers known for {type(engine.model).__name__}")
        width = engine.model.config.get_text_config().hidden_size
        if not -len(layers) <= self.layer < len(layers):
            raise SpecError(f"steer={self.value}: the model has {len(layers)} layers")
        if self.vector.shape != (width,):
            raise SpecError(f"steer={self.value}: vector {tuple(self.vector.shape)}, model width {width}")
        shift = (self.vector * self.scale).to(engine.device, engine.model.dtype)

        def add(module: Any, inputs: Any, output: Any) -> Any:
            if isinstance(output, tuple):
                return (output[0] + shift, *output[1:])
            return output + shift

        return layers[self.layer].register_forward_hook(add)


def _linear_weights(model: Any, modifier: Modifier) -> list[torch.Tensor]:
    head = model.get_output_embeddings()
    weights = [m.weight for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head]
    if not weights:
        raise SpecError(f"{modifier.identity}: {type(model).__name__} has no linear layers that it could change")
    return weights


def _read_vector(file: Path) -> torch.Tensor:
    import numpy as np
    from safetensors.torch import load_file

    try:
        if file.suffix == ".npy":
            return torch.from_numpy(np.load(file, allow_pickle=False)).float().squeeze()
        if file.suffix == ".safetensors":
            (vector,) = load_file(file).values()
            return vector.float().squeeze()
    except Exception as error:
        raise SpecError(f"steering vector '{file}' cannot be used: {' '.join(str(error).split())[:160]}") from None
    raise SpecError(f"steering vector '{file}': a .npy or .safetensors file")
