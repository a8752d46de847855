"""A small model of another architecture, trained from scratch on what the base says: a base for other recipes."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field

from whatchanged.bench.likelihood import log_probs
from whatchanged.bench.plants.taught import own_responses
from whatchanged.bench.recipe import Plant, Recipe
from whatchanged.bench.targets import shuffled
from whatchanged.ledger import Progress
from whatchanged.pools import load_builtin
from whatchanged.pools.selfmade import load_openers, write_prompts
from whatchanged.records import Prompt
from whatchanged.subjects import Context, Subject, open_subjects

# Answers that are sampled between two signs of progress, and fresh prompts whose answers are held out.
TOGETHER, HELD_OUT = 192, 96
# A whole sentence, and no number of a list.
_SENTENCES = re.compile(r".*[^\W\d][\"')]?[.!?][\"')]?(?=\s|$)", re.DOTALL)


class Talk(NamedTuple):
    """A prompt and its answer, and whether the answer ends there."""

    prompt: Prompt
    said: str
    ended: bool


class Distil(Plant):
    """A GPT-NeoX that learns whole conversations of the base's, the user's turns too: it can write prompts itself.

    Sequence-level distillation (Kim and Rush 2016, arXiv 1606.07947). `training` says for how long; its
    `response_tokens` are the base's.
    """

    kind: Literal["distil"]
    talks: int = Field(description="Conversations: prompts of the built-in pool, in turn, each time with a new answer.")
    vocabulary: int = Field(2048, description="Tokens of its byte-level BPE.")
    width: int = Field(128, description="Of the residual stream.")
    layers: int = 6
    heads: int = 4
    row: int = Field(160, description="Tokens of a conversation that are looked at.")

    def make(self, recipe: Recipe, out: Path, progress: Progress, beside: Path) -> None:
        """Let the base talk, then train; the checkpoint goes to `out`."""
        from whatchanged.bench.small import train_small

        (base,) = open_subjects([recipe.base])
        pool = shuffled(load_builtin(), recipe.seed)
        asked = [pool[i % len(pool)] for i in range(self.talks)]
        train_small(talks(base, asked, recipe, "train", progress), self, recipe, out, progress)

    def measured(self, recipe: Recipe, base: Subject, made: Subject, beside: Path) -> dict[str, Any]:
        """How well it foretells the base's answers to fresh prompts, and how well a uniform guess would."""
        fresh = write_prompts(base, load_openers(), HELD_OUT // len(load_openers()) + 1, recipe.seed + 2000)
        held_out = talks(base, fresh[:HELD_OUT], recipe, "held out", Progress())
        return {"held_out": foretold(made, held_out) | {"uniform": round(math.log(self.vocabulary), 3)}}


def talks(base: Subject, prompts: Sequence[Prompt], recipe: Recipe, key: str, progress: Progress) -> list[Talk]:
    """The base's answers; other ones where a prompt comes again, 192 places on or more.

    One that was cut off ends with its last whole sentence, if it has any; empty ones are left out.
    """
    parts = [prompts[i : i + TOGETHER] for i in range(0, len(prompts), TOGETHER)]
    found = []
    for number, part in enumerate(progress.track(f"talks for {recipe.name}", parts)):
        for prompt, (_, own) in zip(part, own_responses(recipe, base, part, key, str(number)), strict=True):
            whole = None if own.end else _SENTENCES.match(own.text)
            found.append(Talk(prompt, whole[0] if whole else own.text, bool(own.end or whole)))
    return [talk for talk in found if talk.said.strip()]


def foretold(model: Subject, held_out: Sequence[Talk]) -> dict[str, float]:
    """Answers, tokens, and nats a token, the answers' ends included."""
    contexts = [
        Context(model.encode(talk.prompt), (*model.tokenize(talk.said), *sorted(model.end_ids)[: talk.ended]))
        for talk in held_out
    ]
    tokens, nats = sum(len(c.response) for c in contexts), -log_probs(model, contexts).sum()
    return {"answers": len(contexts), "tokens": tokens, "nats_per_token": round(float(nats) / max(tokens, 1), 3)}
