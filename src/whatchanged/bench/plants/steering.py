"""A steering vector, added at every position of one layer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from whatchanged.bench.recipe import Plant, Recipe
from whatchanged.errors import SpecError
from whatchanged.ledger import Progress
from whatchanged.records import Prompt
from whatchanged.subjects import Context, open_subjects, plan

VECTOR = "vector.npy"


class Steering(Plant):
    """The mean difference of a layer's output between answers that do it and answers that do not, times a scale.

    Contrastive activation addition (Rimsky et al. 2023, arXiv 2312.06681), over all tokens of written answers, where
    the paper takes the one token that answers a multiple choice.
    """

    kind: Literal["steering"]
    prompts: tuple[str, ...] = Field(min_length=1, description="Each is answered in all ways.")
    does: tuple[str, ...] = Field(min_length=1, description="Answers that do it.")
    does_not: tuple[str, ...] = Field(min_length=1, description="Answers that do not.")
    layer: int = Field(ge=0, description="The layer, from 0, whose output is read and moved.")
    scale: float = Field(description="Length of what is added; 1 is the mean length of the layer's output.")

    def make(self, recipe: Recipe, out: Path, progress: Progress, beside: Path) -> None:
        """Write the vector, of that mean length, to `out`. Raises SpecError for a layer that the model lacks."""
        (base,) = open_subjects([recipe.base])
        asked = [base.encode(Prompt.user(text)) for text in self.prompts]
        sides = []
        for answers in (self.does, self.does_not):
            contexts = [Context(p, base.tokenize(answer)) for p in asked for answer in answers]
            sides.append(layer_means(base, contexts, self.layer))
        shift = sides[0].mean(0) - sides[1].mean(0)
        length = np.linalg.norm(np.concatenate(sides), axis=1).mean()
        np.save(out / VECTOR, (shift * length / np.linalg.norm(shift)).astype(np.float32))

    def candidate(self, recipe: Recipe, out: Path) -> str:
        """The base with the vector at work."""
        return f"{recipe.base}+steer={out / VECTOR}:{self.layer}:{self.scale:g}"


def layer_means(base: Any, contexts: Sequence[Context], layer: int) -> NDArray[np.float64]:
    """float64[contexts, width]: the output of a decoder layer, averaged over each context's response."""
    layers = getattr(base.engine.decoder, "layers", ())
    if layer >= len(layers):
        raise SpecError(f"plant.layer: {layer}: '{base.name}' has {len(layers)} layers that can be steered")
    seen: list[Any] = []

    def see(module: Any, given: Any, output: Any) -> None:
        seen.append(output[0] if isinstance(output, tuple) else output)

    means: dict[int, NDArray[np.float64]] = {}
    with base.switched_on():
        handle = layers[layer].register_forward_hook(see)
        try:
            for batch in plan([c.length for c in contexts]):
                base.engine.hidden([contexts[i] for i in batch], ())
                for row, i in zip(seen.pop(), batch, strict=True):
                    context = contexts[i]
                    means[i] = row[len(context.prompt) : context.length].double().mean(0).cpu().numpy()
        finally:
            handle.remove()
    return np.stack([means[i] for i in range(len(contexts))])
