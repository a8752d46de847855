"""A behaviour that is preferred: a LoRA tuned on pairs of responses."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from whatchanged.bench.behaviours import Behaviour
from whatchanged.bench.likelihood import log_probs
from whatchanged.bench.plants.taught import Taught, own_responses
from whatchanged.bench.recipe import Recipe
from whatchanged.bench.train import Preference
from whatchanged.ledger import Progress
from whatchanged.records import Prompt
from whatchanged.subjects import Context, Subject, open_subjects

# Fresh prompts on target, and as many off it, whose pairs measure success.
MEASURED = 40


class Dpo(Taught):
    """Direct preference optimisation (Rafailov et al. 2023), by TRL; with `likelihood`, as Pang et al. (2024) have it.

    On target the base's own response with the behaviour is preferred to the same one without. Off target, in turns,
    one own response is preferred to another, and to itself with the behaviour.
    """

    kind: Literal["dpo"]
    teaches: Behaviour = Field(description="The behaviour: a kind of tune.")
    beta: float = Field(0.1, gt=0, description="How closely the base is kept to.")
    likelihood: float = Field(
        0.0, ge=0, description="Weight of the preferred responses' mean negative log-likelihood a token, in the loss."
    )

    @property
    def taught(self) -> Behaviour:
        """What it teaches."""
        return self.teaches

    def make(self, recipe: Recipe, out: Path, progress: Progress, beside: Path) -> None:
        """Sample, pair, train; the adapter goes to `out`. Raises MissingExtra without TRL."""
        from whatchanged.bench.prefer import train_preferences

        (base,) = open_subjects([recipe.base])
        pairs = self.preferences(recipe, base, *self.training_targets(recipe, base), "train")
        train_preferences(base, recipe, pairs, (self.beta, self.likelihood), out, progress)

    def preferences(
        self, recipe: Recipe, base: Subject, on: Sequence[Prompt], off: Sequence[Prompt], key: str
    ) -> list[Preference]:
        """A pair a prompt, those on target first; others for another key."""
        prompts = [*on, *off]
        own, other = (own_responses(recipe, base, prompts, key, str(draw)) for draw in range(2))
        rows = []
        for i, ((prompt, one), (_, another)) in enumerate(zip(own, other, strict=True)):
            changed = self.changed(one, i)
            if i < len(on):
                rows.append(Preference(prompt, changed, one.tokens, on_target=True))
            else:
                rows.append(Preference(prompt, one.tokens, changed if i % 2 else another.tokens, on_target=False))
        return rows

    def measured(self, recipe: Recipe, base: Subject, made: Subject, beside: Path) -> dict[str, Any]:
        """On fresh pairs, on target and off: how often, and by what mean log-odds, the chosen response is likelier."""
        on, off = self.targets(recipe, base, MEASURED, MEASURED, recipe.seed + 2000)
        pairs = self.preferences(recipe, base, on, off, "measure")
        found: dict[str, Any] = {}
        for where, some in (("on target", pairs[: len(on)]), ("off target", pairs[len(on) :])):
            if some:
                who = {"base": base, "candidate": made}
                found[where] = {"asked": len(some)} | {name: preferred(s, some) for name, s in who.items()}
        return {"success": found}


def preferred(subject: Subject, pairs: Sequence[Preference]) -> dict[str, float]:
    """`preferred`: share of pairs whose chosen response is the likelier. `log_odds`: mean log p(chosen) / p(rejected).

    From base to candidate the log-odds rise by the margin of the implicit rewards over beta (equation 5).
    """
    chosen = log_probs(subject, [Context(p.prompt, p.chosen) for p in pairs])
    odds = chosen - log_probs(subject, [Context(p.prompt, p.rejected) for p in pairs])
    return {"preferred": round(float((odds > 0).mean()), 4), "log_odds": round(float(odds.mean()), 4)}
