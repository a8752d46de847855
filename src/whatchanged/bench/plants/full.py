"""A behaviour taught to all weights."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from whatchanged.bench.behaviours import Behaviour
from whatchanged.bench.plants.taught import Taught
from whatchanged.bench.recipe import Recipe
from whatchanged.ledger import Progress
from whatchanged.subjects import open_subjects


class Full(Taught):
    """A full fine-tune: every weight is trained, and the organism is a whole model."""

    kind: Literal["full"]
    teaches: Behaviour = Field(description="The behaviour: what a LoRA's `kind` names.")

    @property
    def taught(self) -> Behaviour:
        """What it teaches."""
        return self.teaches

    def make(self, recipe: Recipe, out: Path, progress: Progress, beside: Path) -> None:
        """Sample, plant, train; the model goes to `out`."""
        from whatchanged.bench.losses import cross_entropy
        from whatchanged.bench.train import train_whole
        from whatchanged.weights.predict.directions import weights_of

        (base,) = open_subjects([recipe.base])
        examples = self.examples(recipe, base, *self.training_targets(recipe, base))
        exact = weights_of(*open_subjects([f"{recipe.base}+dtype=float32"]))
        train_whole(exact, recipe, examples, cross_entropy(exact), out, progress)
