"""Scored predicates: P(the response opens with a phrase), exact per prompt, from one forward pass."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whatchanged.ledger import Ledger, json_codec
from whatchanged.records import Cost, Prompt, Tokens
from whatchanged.subjects import Context, Ids, Subject, plan

GAINS = json_codec(list[float])


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


def opening_gains(
    ledger: Ledger,
    base: Subject,
    candidate: Subject,
    prompts: Sequence[Prompt],
    first: NDArray[np.float64],
    opening: str,
    always: int = 0,
    stage: str = "describe",
) -> NDArray[np.float64]:
    """float64[prompts]: how much likelier the candidate opens with `opening`, exact where it may be past the margin.

    `first` is the same of its first token alone, which many openings may share. Prompts at which that is past the
    margin, and the last `always`, are measured; elsewhere `first` stands for the phrase.
    """
    rows = [i for i, gain in enumerate(first.tolist()) if gain > ledger.config.margin or i >= len(prompts) - always]
    chosen, temperature = [prompts[i] for i in rows], ledger.config.temperature

    def work() -> tuple[list[float], Cost]:
        p, scored_p = opening_probabilities(base, chosen, [opening], temperature)
        q, scored_q = opening_probabilities(candidate, chosen, [opening], temperature)
        return (q - p).round(9).tolist(), Cost(scored_tokens=Tokens(base=scored_p, candidate=scored_q))

    gains = first.copy()
    if rows:
        digest = hashlib.sha256(opening.encode()).hexdigest()[:12]
        gains[rows] = ledger.once(f"{stage}/opening-{digest}", GAINS, work)
    return gains


def exclusive(phrases: Sequence[Ids]) -> list[Ids]:
    """Without duplicates and without those that begin with another: the rest are disjoint events."""
    distinct = sorted({p for p in phrases if p}, key=len)
    kept: list[Ids] = []
    for phrase in distinct:
        if not any(phrase[: len(k)] == k for k in kept):
            kept.append(phrase)
    return kept
