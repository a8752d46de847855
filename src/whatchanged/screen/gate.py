"""Do two models that only answer differ at all? Two-sample tests, and where the first token says so."""

from collections.abc import Mapping, Sequence

import numpy as np

from whatchanged.predicates.hashing import vector
from whatchanged.records import ContextRef, Lead, Pair, TokenShift
from whatchanged.report.model import Gate
from whatchanged.stats.twosample import (
    TwoSample,
    embedding_kernel,
    logprob_gate,
    mmd_permutation,
    shift_bounds,
    string_kernel,
)

# The kernel matrix grows with the square of the texts.
MOST_TEXTS = 600
# A token whose first-position probability moves less than this, on average, is no lead.
LEAST_SHIFT = 0.02

LogProbs = Mapping[str, float]


def answers_gate(pairs: Sequence[Pair], seed: int) -> list[Gate]:
    """Maximum mean discrepancy of whole answers, a string and an embedding kernel in equal parts.

    The sum of two kernels is a kernel, so this is one test. [] without a pair.
    """
    pairs = pairs[:MOST_TEXTS]
    if not pairs:
        return []
    texts = [p.base.text for p in pairs] + [p.candidate.text for p in pairs]
    vectors = np.array([vector(text) for text in texts])
    kernel = (string_kernel(texts, texts) + embedding_kernel(vectors, vectors)) / 2
    ids = [p.prompt_id for p in pairs]
    return [_gate("Whole answers (MMD)", mmd_permutation(kernel, ids, seed=seed), len(set(ids)))]


def token_gate(base: Sequence[Sequence[str]], candidate: Sequence[Sequence[str]], seed: int) -> list[Gate]:
    """Maximum mean discrepancy of sampled first tokens, equal or not; k of each model a prompt."""
    first = np.array([t for said in base for t in said] + [t for said in candidate for t in said])
    if not len(first):
        return []
    kernel = (first[:, None] == first[None, :]).astype(float)
    prompts = [i for i, said in enumerate(base) for _ in said]
    result = mmd_permutation(kernel, prompts, seed=seed)
    return [_gate("First tokens at border prompts (MMD)", result, len(base))]


def first_token_gate(
    base: Sequence[LogProbs], candidate: Sequence[LogProbs], repeat: Sequence[LogProbs], seed: int
) -> list[Gate]:
    """First-token log-probabilities against the base's own repeat."""
    result = logprob_gate(base, candidate, repeat, seed=seed)
    return [_gate("First-token log-probabilities", result, len(base))] if base else []


def first_token_leads(prompts: Sequence[str], base: Sequence[LogProbs], candidate: Sequence[LogProbs]) -> list[Lead]:
    """Tokens that certainly begin more (or fewer) answers, from top-k lists: bounds, never a guess of what is hidden.

    `prompts` are ids, aligned with both. A token's shift at a prompt is the end of its bounds that lies nearest 0.
    """
    moved: dict[str, dict[int, float]] = {}
    for row, (p, q) in enumerate(zip(base, candidate, strict=True)):
        for token, (low, high) in shift_bounds(p, q).shifts.items():
            certain = low if low > 0 else high if high < 0 else 0.0
            if certain:
                moved.setdefault(token, {})[row] = certain
    total = sum(abs(v) for rows in moved.values() for v in rows.values())
    ranked = sorted(moved.items(), key=lambda item: (-abs(sum(item[1].values())), item[0]))
    return [
        _lead(number, token, rows, prompts, base, candidate, total)
        for number, (token, rows) in enumerate(ranked[:8])
        if abs(sum(rows.values())) >= LEAST_SHIFT * len(prompts)
    ]


def _lead(
    number: int,
    token: str,
    rows: Mapping[int, float],
    prompts: Sequence[str],
    base: Sequence[LogProbs],
    candidate: Sequence[LogProbs],
    total: float,
) -> Lead:
    gains = sum(rows.values()) > 0
    # Prompts where the token moves the other way count against the lead, and are no place to see it.
    same = [row for row in rows if (rows[row] > 0) == gains]
    strongest = sorted(same, key=lambda row: -abs(rows[row]))
    shift = TokenShift(
        token=number,
        text=token,
        p=_mean(base, same, token, most=gains),
        q=_mean(candidate, same, token, most=not gains),
        weight=round(abs(sum(rows.values())), 6),
    )
    return Lead(
        id=f"first-{number}",
        gained=(shift,) if gains else (),
        lost=() if gains else (shift,),
        contexts=tuple(
            ContextRef(prompt_id=prompts[row], draw=0, position=0, weight=round(abs(rows[row]), 6)) for row in strongest
        ),
        share=round(sum(map(abs, rows.values())) / total, 6),
        lenses=("first-token",),
        at_opening=True,
        note="bounds from the likeliest tokens only",
    )


def _mean(lists: Sequence[LogProbs], rows: Sequence[int], token: str, most: bool) -> float:
    """Mean probability where the token moved; a list that lacks it counts with the `most` that it can hide, or 0."""
    return round(float(np.mean([_probability(lists[row], token, most) for row in rows])), 6)


def _probability(listed: LogProbs, token: str, most: bool) -> float:
    if token in listed:
        return float(np.exp(listed[token]))
    values = np.exp(list(listed.values()))
    return float(min(values.min(), max(0.0, 1.0 - values.sum()))) if most else 0.0


def _gate(test: str, result: TwoSample, prompts: int) -> Gate:
    return Gate(test=test, prompts=prompts, statistic=round(result.statistic, 6), p_value=round(result.p_value, 6))
