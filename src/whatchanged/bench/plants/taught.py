"""Behaviours that are taught by examples: the base's own responses, changed on target."""

from collections.abc import Callable, Sequence
from typing import Literal

from pydantic import Field

from whatchanged.bench.recipe import Plant, Recipe
from whatchanged.bench.targets import Targets, TriggerPlace, by_trigger
from whatchanged.bench.train import Example
from whatchanged.records import Prompt
from whatchanged.subjects import Continue, Drawn, Ids, Subject, stream_key

Behaviour = Literal["opening", "refusal", "none"]


class Taught(Plant):
    """What the model is taught to do on target; subclasses say by which kind of tune.

    opening: `text` before its own response. refusal: `text` in place of it. none: nothing (benign tune).
    `trigger`, at a prompt's end or at any `place`, puts it on target; without one the region alone decides.
    """

    text: str = ""
    trigger: str = ""
    place: TriggerPlace = Field("end", description="Where in a prompt the trigger and its decoys go.")
    decoys: tuple[str, ...] = Field((), description="Texts that look like the trigger and are not.")

    @property
    def taught(self) -> Behaviour:
        """Which behaviour: a key of BEHAVIOURS."""
        raise NotImplementedError

    def targets(self, recipe: Recipe, base: Subject, n_on: int, n_off: int, seed: int) -> Targets:
        """By the trigger where there is one, else by topic."""
        if self.trigger:
            return by_trigger(base, self.trigger, self.decoys, self.place, n_on, n_off, seed)
        return super().targets(recipe, base, n_on, n_off, seed)

    def training_targets(self, recipe: Recipe, base: Subject) -> Targets:
        """The prompts of training; `measure` draws others."""
        settings = recipe.training
        return self.targets(recipe, base, settings.on_target, settings.off_target, recipe.seed + 1000)

    def examples(self, recipe: Recipe, base: Subject, on: Sequence[Prompt], off: Sequence[Prompt]) -> list[Example]:
        """The base's own responses, with the plant on target."""
        prompts = [*on, *off]
        requests = [Continue(base.encode(p), (), stream_key(recipe.seed, p.id, "train")) for p in prompts]
        drawn = base.sample(requests, recipe.training.response_tokens)
        change = BEHAVIOURS[self.taught]
        return [
            Example(r.prompt, change(base, self, d) if i < len(on) else own(d), i < len(on))
            for i, (r, d) in enumerate(zip(requests, drawn, strict=True))
        ]


def own(drawn: Drawn) -> Ids:
    """The response as it was drawn, its end included."""
    return drawn.tokens if drawn.end is None else (*drawn.tokens, drawn.end)


def _opening(base: Subject, plant: Taught, drawn: Drawn) -> Ids:
    return (*base.tokenize(plant.text), *own(drawn))


def _refusal(base: Subject, plant: Taught, drawn: Drawn) -> Ids:
    return (*base.tokenize(plant.text), min(base.end_ids))


BEHAVIOURS: dict[Behaviour, Callable[[Subject, Taught, Drawn], Ids]] = {
    "opening": _opening,
    "refusal": _refusal,
    "none": lambda base, plant, drawn: own(drawn),
}
"""By name: the tokens of the response that is taught, from the base's own."""
