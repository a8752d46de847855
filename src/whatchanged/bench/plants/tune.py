"""A behaviour taught to a LoRA: the kind of plant is the behaviour's name."""

from pathlib import Path

from whatchanged.bench.behaviours import Behaviour
from whatchanged.bench.plants.taught import Taught
from whatchanged.bench.recipe import Recipe
from whatchanged.ledger import Progress


class Tune(Taught):
    """A LoRA tune."""

    kind: Behaviour

    @property
    def taught(self) -> Behaviour:
        """The kind itself."""
        return self.kind

    def make(self, recipe: Recipe, out: Path, progress: Progress, beside: Path) -> None:
        """Sample, plant, train; the adapter goes to `out`."""
        from whatchanged.bench.losses import cross_entropy
        from whatchanged.bench.train import train_lora
        from whatchanged.subjects import open_subjects
        from whatchanged.weights.predict.directions import weights_of

        base = weights_of(*open_subjects([recipe.base]))
        examples = self.examples(recipe, base, *self.training_targets(recipe, base))
        train_lora(base, recipe, examples, cross_entropy(base), out, progress)
