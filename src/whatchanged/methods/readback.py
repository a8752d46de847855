"""Soft prompts as text: by the nearest tokens, and in the base model's own words."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from whatchanged.methods.vectors import Stage, framed, greedy
from whatchanged.report.text import one_line
from whatchanged.search.gradient import embeddings
from whatchanged.weights.predict.frames import frame_of

# Asked of the base with the soft prompt in the place of {} (Ghandeharioun et al. 2024, arXiv 2401.06102).
RESTATE = ("Repeat this word for word: {}", "Write this once more: {}", "Say in other words: {}")
RESTATED_TOKENS, LONGEST = 24, 300


class Reading(NamedTuple):
    """A soft prompt as text; `restated` by the base, or else read off the nearest tokens."""

    text: str
    restated: bool


def readings(stage: Stage, soft: Any) -> list[list[Reading]]:
    """Distinct texts of each soft prompt float32[rows, length, width]; none is empty."""
    found = [[Reading(text, False)] for text in nearest(stage.models[0], soft)]
    for template in RESTATE:
        for own, text in zip(found, restated(stage.models[0], soft, template), strict=True):
            own.append(Reading(text, True))
    return [[r for n, r in enumerate(own) if r.text and r.text not in [o.text for o in own[:n]]] for own in found]


def nearest(base: Any, soft: Any) -> list[str]:
    """The tokens, special ones left out, whose input embeddings have the largest cosine with each vector."""
    import torch

    table = torch.nn.functional.normalize(embeddings(base), dim=-1)
    near = torch.nn.functional.normalize(soft, dim=-1) @ table.T
    near[..., torch.tensor(_wordless(base, len(table)), dtype=torch.long)] = -2.0
    return [_cleaned(base.detokenize(row)) for row in near.argmax(-1).tolist()]


def restated(base: Any, soft: Any, template: str) -> list[str]:
    """The base's likeliest answers where the soft prompt stands in the template's place for it."""
    given = framed(base, frame_of(base, template), soft)
    return [_cleaned(text) for text in spoken(base, greedy(base, given, RESTATED_TOKENS).tolist())]


def spoken(model: Any, rows: Sequence[Sequence[int]]) -> list[str]:
    """Texts of greedy answers, each up to its end of turn."""
    cuts = [next((n for n, token in enumerate(row) if token in model.end_ids), len(row)) for row in rows]
    return [model.detokenize(row[:cut]) for row, cut in zip(rows, cuts, strict=True)]


@cache
def _wordless(base: Any, size: int) -> list[int]:
    """Special tokens, white space and halves of characters: no word."""
    texts = [base.detokenize([i]) for i in range(size)]
    return [i for i, text in enumerate(texts) if not text.strip() or not text.isprintable() or "\ufffd" in text]


def _cleaned(text: str) -> str:
    return one_line("".join(sign for sign in text if sign.isprintable() or sign.isspace()), LONGEST)
