"""Scored predicates: P(the response opens with a phrase), exact per prompt, from one forward pass."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whatchanged.records import Prompt
from whatchanged.subjects import Context, Ids, Subject, plan


def opening_probabilities(
    subject: Subject, prompts: Sequence[Prompt], openings: Sequence[str], temperature: float = 1.0
) -> tuple[NDArray[np.float64], int]:
    """float64[len(prompts)]: the probability that a response opens with any of `openings`; and tokens scored.

    An opening is its canonical token sequence; an opening that extends another adds nothing.
    """
    phrases = exclusive([subject.tokenize(text) for text in openings])
    contexts = [Context(subject.encode(p), phrase) for p in prompts for phrase in phrases]
    owners = [i for i in range(len(prompts)) for _ in phrases]
    totals = np.zeros(len(prompts))
    apart = [not subject.common_prefix([c.prompt]) for c in contexts]
    for batch in plan([c.length for c in contexts], apart):
        logs = _log_likelihoods(subject, [contexts[i] for i in batch], temperature)
        np.add.at(totals, [owners[i] for i in batch], np.exp(logs))
    return np.minimum(totals, 1.0), subject.scored_tokens(contexts)


def _log_likelihoods(subject: Subject, contexts: Sequence[Context], temperature: float) -> NDArray[np.float64]:
    """float64[contexts]: log probability of each context's response after its prompt."""
    rows = subject.score(contexts, temperature)
    # The row after the last token predicts nothing that is asked: any token stands for it, and is not summed.
    logs = rows.at([token for c in contexts for token in (*c.response, 0)])
    ends = np.cumsum([c.n_rows for c in contexts])
    return np.array([logs[end - c.n_rows : end - 1].sum() for c, end in zip(contexts, ends, strict=True)])


def exclusive(phrases: Sequence[Ids]) -> list[Ids]:
    """Without duplicates and without those that begin with another: the rest are disjoint events."""
    distinct = sorted({p for p in phrases if p}, key=len)
    kept: list[Ids] = []
    for phrase in distinct:
        if not any(phrase[: len(k)] == k for k in kept):
            kept.append(phrase)
    return kept
