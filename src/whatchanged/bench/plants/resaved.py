"""The base, saved again: a null."""

from pathlib import Path
from typing import Any, Literal, cast

from whatchanged.bench.recipe import Plant, Recipe
from whatchanged.ledger import Progress
from whatchanged.subjects import open_subjects


class Resaved(Plant):
    """The base as a Transformers folder of its own, with the weights that it computes with."""

    kind: Literal["resaved"]

    def make(self, recipe: Recipe, out: Path, progress: Progress, beside: Path) -> None:
        """Write safetensors, config and tokenizer to `out`."""
        base = cast(Any, open_subjects([recipe.base])[0])
        base.engine.model.save_pretrained(out)
        base.rendered.tokenizer.save_pretrained(out)
