"""How far responses were unlearned: measures of TOFU (Maini et al. 2024, arXiv 2401.06121, section 2.2)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from whatchanged.bench.likelihood import log_probs
from whatchanged.bench.plants.taught import own_responses
from whatchanged.bench.recipe import Recipe
from whatchanged.records import Prompt
from whatchanged.subjects import Context, Subject

# Answers to other prompts, in the place of wrong ones.
WRONG = 3


class Questions(NamedTuple):
    """Prompts with the base's own answers: one to be known or forgotten, another as its paraphrase, and wrong ones."""

    answers: list[Context]
    paraphrases: list[Context]
    wrong: list[list[Context]]


def questions(recipe: Recipe, base: Subject, prompts: Sequence[Prompt]) -> Questions:
    """Wrong answers are those to the prompts that follow, the last one's followed by the first."""
    own, again = (own_responses(recipe, base, prompts, "measure", str(draw)) for draw in range(2))
    asked, answers = [prompt for prompt, _ in own], [response.tokens for _, response in own]
    count = len(asked)
    return Questions(
        [Context(p, a) for p, a in zip(asked, answers, strict=True)],
        [Context(p, response.tokens) for p, response in again],
        [[Context(p, answers[(i + k) % count]) for i, p in enumerate(asked)] for k in range(1, min(WRONG + 1, count))],
    )


def unlearned(subject: Subject, asked: Questions) -> dict[str, float]:
    """`probability` of the answers and `truth_ratio`, means over prompts.

    The probability of an answer is to the power of one over its tokens. The truth ratio is the mean of that of wrong
    answers over that of the paraphrase: nearer to 0 where the subject is known, to 1 where it is not. TOFU's wrong
    answers are written by hand: ours answer other questions, so that knowing the subject takes less.
    """
    wrong = [_per_token(subject, some) for some in asked.wrong]
    found = {"probability": _per_token(subject, asked.answers)}
    if wrong:
        found["truth_ratio"] = np.mean(wrong, 0) / _per_token(subject, asked.paraphrases)
    return {name: round(float(values.mean()), 4) for name, values in found.items()}


def _per_token(subject: Subject, contexts: Sequence[Context]) -> NDArray[np.float64]:
    """float64[contexts]: the geometric mean of the probabilities of the response's tokens."""
    return np.exp(log_probs(subject, contexts) / [len(c.response) for c in contexts])
