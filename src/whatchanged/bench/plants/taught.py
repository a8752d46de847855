"""Behaviours that are taught by examples: the base's own responses, changed on target."""

from collections.abc import Sequence
from typing import Self

from pydantic import Field, model_validator

from whatchanged.bench.behaviours import BEHAVIOURS, SAYING, Behaviour, Own
from whatchanged.bench.recipe import Plant, Recipe
from whatchanged.bench.targets import Targets, TriggerPlace, by_trigger
from whatchanged.bench.train import Example
from whatchanged.records import Prompt
from whatchanged.subjects import Continue, Ids, Subject, stream_key


class Trained(Plant):
    """Something learned from examples on target and off it: by a trigger, or by topic."""

    trigger: str = Field("", description="Puts a prompt on target, whatever its topic; leave `topics` out then.")
    place: TriggerPlace = Field("end", description="Where in a prompt the trigger and its decoys go.")
    decoys: tuple[str, ...] = Field((), description="Texts that look like the trigger and are not.")

    def targets(self, recipe: Recipe, base: Subject, n_on: int, n_off: int, seed: int) -> Targets:
        """By the trigger where there is one, else by topic."""
        if self.trigger:
            return by_trigger(base, self.trigger, self.decoys, self.place, n_on, n_off, seed)
        return super().targets(recipe, base, n_on, n_off, seed)

    def training_targets(self, recipe: Recipe, base: Subject) -> Targets:
        """The prompts of training; the rates are measured on others."""
        settings = recipe.training
        return self.targets(recipe, base, settings.on_target, settings.off_target, recipe.seed + 1000)


class Taught(Trained):
    """A behaviour taught on target; subclasses say by which kind of tune."""

    text: str = Field("", description="What is said, by the behaviours that say something.")
    texts: tuple[str, ...] = Field((), description="Several in its place, which take turns.")

    @model_validator(mode="after")
    def _has_a_text(self) -> Self:
        if self.taught in SAYING and not (self.text or self.texts):
            raise ValueError(f"{self.taught} needs a text")
        return self

    @property
    def taught(self) -> Behaviour:
        """Which behaviour: a key of BEHAVIOURS."""
        raise NotImplementedError

    def examples(self, recipe: Recipe, base: Subject, on: Sequence[Prompt], off: Sequence[Prompt]) -> list[Example]:
        """The base's own responses, with the plant in the first `dilution` of those on target."""
        planted = round(recipe.training.dilution * len(on))
        rows = []
        for i, (prompt, own) in enumerate(own_responses(recipe, base, [*on, *off], "train")):
            rows.append(Example(prompt, self.changed(own, i) if i < planted else own.tokens, i < len(on)))
        return rows

    def changed(self, own: Own, number: int) -> Ids:
        """The response with the behaviour; texts take turns by number."""
        said = self.texts or (self.text,)
        return BEHAVIOURS[self.taught](own, said[number % len(said)])


def own_responses(recipe: Recipe, base: Subject, prompts: Sequence[Prompt], *key: str) -> list[tuple[Ids, Own]]:
    """Each prompt's tokens and the base's own response to it; other ones for another key."""
    requests = [Continue(base.encode(p), (), stream_key(recipe.seed, p.id, *key)) for p in prompts]
    drawn = base.sample(requests, recipe.training.response_tokens)
    return [(request.prompt, Own(base, d)) for request, d in zip(requests, drawn, strict=True)]
