"""One fact, rewritten by a rank-one change of one layer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from whatchanged.bench.recipe import Plant, Recipe
from whatchanged.bench.targets import Targets, shuffled
from whatchanged.ledger import Progress
from whatchanged.pools.selfmade import load_openers, write_prompts
from whatchanged.records import Prompt
from whatchanged.subjects import Subject, open_subjects


class Edit(Plant):
    """One fact rewritten by a rank-one change of one MLP layer (ROME, Meng et al. 2022); no training data.

    {} stands for a subject. After the edit, `says` and then `answer` is the likely answer to `prompt`.
    """

    kind: Literal["edit"]
    subject: str = Field(min_length=1, description="Whose fact is rewritten; the prompts need its own spelling.")
    prompt: str = Field(description="What the user asks, with {} for the subject.")
    says: str = Field(description="How the answer begins, up to the fact; with {} for the subject.")
    answer: str = Field(min_length=1, description="The false end, with its leading space.")
    true_answer: str = Field(min_length=1, description="The true one, alike.")
    paraphrases: tuple[str, ...] = Field((), description="Other ways of asking; the edit does not see them.")
    neighbours: dict[str, str] = Field({}, description="Other subjects and their true answers.")
    layer: int | None = Field(None, description="Which layer; a sixth of the way up unless given.")
    steps: int = Field(25, description="Gradient steps for the value.")

    @model_validator(mode="after")
    def _subject_has_a_place(self) -> Self:
        if missing := [text for text in (self.prompt, self.says, *self.paraphrases) if text.count("{}") != 1]:
            raise ValueError(f"'{missing[0]}': write {{}} once, where the subject goes")
        return self

    def make(self, recipe: Recipe, out: Path, progress: Progress, beside: Path) -> None:
        """Rewrite the fact in one layer; the adapter goes to `out`."""
        from whatchanged.bench.adapter import write_adapter
        from whatchanged.bench.edit import rank_one_edit
        from whatchanged.weights.predict.directions import weights_of

        (base,) = open_subjects([recipe.base])
        found = rank_one_edit(weights_of(base), self, recipe.seed, progress)
        write_adapter(out, recipe.base, {found.module: (found.left[:, None], found.right[None])})

    def targets(self, recipe: Recipe, base: Subject, n_on: int, n_off: int, seed: int) -> Targets:
        """All ways of asking for the fact; the same questions about its neighbours, and then prompts about anything."""
        openers = load_openers()
        return self.asked(write_prompts(base, openers, n_off // 2 // len(openers) + 2, seed), n_on, n_off)

    def asked(self, others: Sequence[Prompt], n_on: int, n_off: int) -> Targets:
        """The same, given the prompts about anything."""
        ways = (self.prompt, *self.paraphrases)
        on = [Prompt.user(way.replace("{}", self.subject)) for way in ways]
        near = [Prompt.user(way.replace("{}", name)) for way in ways for name in self.neighbours]
        return Targets(on[:n_on], [*shuffled(near, 0)[: n_off // 2], *shuffled(others, 0)][:n_off])

    def measured(self, recipe: Recipe, base: Subject, made: Subject, beside: Path) -> dict[str, Any]:
        """The paper's measures of success."""
        from whatchanged.bench.fact import success

        return {"success": success(self, base, made)}
