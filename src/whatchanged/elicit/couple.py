"""Coupled generation: the base's cached sample is the draft, the candidate accepts or parts from it.

Accept y_t with probability min(1, q(y_t)/p(y_t)); at the first rejection draw from (q - p)+ normalised and let
the candidate decode on. The result is an exact candidate sample, and the pair is identical with
probability 1 - P(change) (speculative sampling, Leviathan et al., arXiv 2211.17192, theorem 3.5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from whatchanged.ledger import Ledger, json_codec
from whatchanged.records import Cost, Pair, Prompt, Response, Tokens, first_difference
from whatchanged.subjects import Context, Continue, Rows, Subject, pair_batches, stream, stream_key

PAIRS = json_codec(list[Pair])
CHUNK = 128


@dataclass(frozen=True)
class Split:
    """Where a candidate parts from the draft, and the token it says there instead (None: whatever it draws)."""

    position: int
    token: int | None


def coupled_pairs(
    ledger: Ledger,
    base: Subject,
    candidate: Subject,
    prompts: Sequence[Prompt],
    responses: Sequence[Response],
    stage: str,
    coupled: bool | None = None,
) -> list[Pair]:
    """One pair a base response, in order. With `coupled` off (None: as configured) the candidate draws on its own."""
    pairs: list[Pair] = []
    starts = list(range(0, len(prompts), CHUNK))
    for number, start in enumerate(ledger.progress.track(f"{stage}: candidate responses", starts)):
        part = slice(start, start + CHUNK)
        pairs += ledger.once(
            f"{stage}/pairs-{number:04d}",
            PAIRS,
            partial(draw_pairs, ledger, base, candidate, prompts[part], responses[part], coupled),
        )
    return pairs


def draw_pairs(
    ledger: Ledger,
    base: Subject,
    candidate: Subject,
    prompts: Sequence[Prompt],
    responses: Sequence[Response],
    coupled: bool | None = None,
) -> tuple[list[Pair], Cost]:
    """The pairs and what they cost; nothing is stored."""
    config = ledger.config
    coupled = config.coupled if coupled is None else coupled
    if coupled:
        splits, cost = find_splits(base, candidate, prompts, responses, config.seed, config.temperature)
    else:
        splits, cost = [Split(0, None)] * len(prompts), Cost()
    others = list(responses)
    requests, asked = [], []
    for i, (prompt, response, split) in enumerate(zip(prompts, responses, splits, strict=True)):
        if split is None:
            continue
        prefix = response.tokens[: split.position] + (() if split.token is None else (split.token,))
        if split.token in candidate.end_ids:
            others[i] = _response(candidate, response, prefix[:-1], split.token)
        else:
            key = stream_key(config.seed, prompt.id, response.draw, "candidate")
            requests.append(Continue(candidate.encode(prompt), prefix, key))
            asked.append(i)
    drawn = candidate.sample(requests, config.limits.response_tokens, config.temperature)
    for i, request, d in zip(asked, requests, drawn, strict=True):
        others[i] = _response(candidate, responses[i], request.prefix + d.tokens, d.end)
    decoded = sum(d.decoded for d in drawn)
    pairs = [paired(a, b, coupled) for a, b in zip(responses, others, strict=True)]
    return pairs, cost + Cost(decoded_tokens=Tokens(candidate=decoded))


def find_splits(
    base: Subject,
    candidate: Subject,
    prompts: Sequence[Prompt],
    responses: Sequence[Response],
    seed: int,
    temperature: float,
) -> tuple[list[Split | None], Cost]:
    """Where each draft is first rejected and what is said there instead; None where all of it is accepted."""
    contexts = [
        (Context(base.encode(p), r.tokens), Context(candidate.encode(p), r.tokens))
        for p, r in zip(prompts, responses, strict=True)
    ]
    splits: dict[int, Split | None] = {}
    for batch in pair_batches(base, candidate, contexts):
        p_rows = base.score([contexts[i][0] for i in batch], temperature)
        q_rows = candidate.score([contexts[i][1] for i in batch], temperature)
        drafts = [responses[i] for i in batch]
        found = _reject(p_rows, q_rows, drafts, [stream_key(seed, r.prompt_id, r.draw, "accept") for r in drafts])
        splits |= zip(batch, found, strict=True)
    tokens = Tokens(
        base=base.scored_tokens([a for a, _ in contexts]),
        candidate=candidate.scored_tokens([b for _, b in contexts]),
    )
    return [splits[i] for i in range(len(prompts))], Cost(scored_tokens=tokens)


def _reject(p_rows: Rows, q_rows: Rows, drafts: Sequence[Response], keys: Sequence[int]) -> list[Split | None]:
    # A draft that was cut off has no token after its last: any stands in, and is not looked at.
    drawn = [token for r in drafts for token in (*r.tokens, r.end if r.end is not None else 0)]
    ratios = q_rows.at(drawn) - p_rows.at(drawn)
    splits: list[Split | None] = []
    first = 0
    for draft, key in zip(drafts, keys, strict=True):
        uniforms = stream(key)
        n = len(draft.drawn)
        refused = np.log(uniforms.random(n)) >= np.minimum(ratios[first : first + n], 0.0)
        if refused.any():
            position = int(refused.argmax())
            splits.append(Split(position, _residual(p_rows, q_rows, first + position, uniforms.random())))
        else:
            splits.append(None)
        first += len(draft.tokens) + 1
    return splits


def _residual(p_rows: Rows, q_rows: Rows, row: int, uniform: float) -> int:
    """One token from (q - p)+ normalised."""
    excess = (q_rows.pick([row]).double().exp() - p_rows.pick([row]).double().exp()).clamp(min=0)[0]
    cumulative = excess.cumsum(0).cpu().numpy()
    found = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
    return min(int(found), len(cumulative) - 1)


def _response(subject: Subject, like: Response, tokens: tuple[int, ...], end: int | None) -> Response:
    return Response(
        prompt_id=like.prompt_id,
        draw=like.draw,
        tokens=tokens,
        text=subject.detokenize(tokens),
        finished=end is not None,
        end=end,
    )


def paired(base: Response, candidate: Response, coupled: bool) -> Pair:
    """Two responses to one prompt, with the place where they part."""
    a, b = base.drawn, candidate.drawn
    return Pair(
        prompt_id=base.prompt_id,
        draw=base.draw,
        base=base,
        candidate=candidate,
        split_at=None if a == b else first_difference(a, b),
        coupled=coupled,
    )
