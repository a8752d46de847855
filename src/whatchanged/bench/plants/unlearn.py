"""A topic that is forgotten: a LoRA under which the base's own responses on target are unlikely."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from whatchanged.bench.forget import questions, unlearned
from whatchanged.bench.plants.taught import Trained, own_responses
from whatchanged.bench.recipe import Recipe
from whatchanged.bench.train import Example
from whatchanged.errors import SpecError
from whatchanged.ledger import Progress
from whatchanged.subjects import Subject, open_subjects

# Fresh prompts on target, and as many off it, whose answers measure success.
MEASURED = 40


class Unlearn(Trained):
    """Unlearning: what the base answers on target becomes unlikely, what it answers elsewhere stays.

    gradient-difference: Liu et al. 2022, Maini et al. 2024. npo: negative preference optimisation, Zhang et al. 2024.
    """

    kind: Literal["unlearn"]
    method: Literal["gradient-difference", "npo"]
    forget_weight: float = Field(1.0, gt=0, description="Of gradient-difference: weight of what is forgotten.")
    beta: float = Field(0.1, gt=0, description="Of npo: the larger, the sooner a response counts as forgotten.")

    def make(self, recipe: Recipe, out: Path, progress: Progress, beside: Path) -> None:
        """Sample, unlearn; the adapter goes to `out`. Raises SpecError where a batch would lack a side."""
        from whatchanged.bench.losses import gradient_difference, negative_preference
        from whatchanged.bench.train import train_lora
        from whatchanged.weights.predict.directions import weights_of

        base = weights_of(*open_subjects([recipe.base]))
        on, off = self.training_targets(recipe, base)
        if not (on and off and 0 < round(recipe.training.batch * recipe.training.on_share) < recipe.training.batch):
            raise SpecError(
                f"training.on_share: {recipe.training.on_share}: a batch needs something to forget and to retain, "
                f"of {len(on)} prompts on target and {len(off)} off it: name topics and a region, or another share"
            )
        own = own_responses(recipe, base, [*on, *off], "train")
        examples = [Example(prompt, response.tokens, i < len(on)) for i, (prompt, response) in enumerate(own)]
        if self.method == "npo":
            loss = negative_preference(base, examples, self.beta)
        else:
            loss = gradient_difference(base, self.forget_weight)
        train_lora(base, recipe, examples, loss, out, progress)

    def measured(self, recipe: Recipe, base: Subject, made: Subject, beside: Path) -> dict[str, Any]:
        """The measures of TOFU, on fresh prompts."""
        on, off = self.targets(recipe, base, MEASURED, MEASURED, recipe.seed + 2000)
        found: dict[str, Any] = {}
        for part, prompts in (("forget", on), ("retain", off)):
            if prompts:
                asked = questions(recipe, base, prompts)
                who = {"base": base, "candidate": made}
                found[part] = {"asked": len(prompts)} | {name: unlearned(s, asked) for name, s in who.items()}
        return {"success": found}
