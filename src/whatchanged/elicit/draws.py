"""Base responses: drawn from the very distribution that is scored, once per base model, shared by audits."""

import hashlib
from collections.abc import Sequence
from functools import partial

from whatchanged.ledger import Ledger, ResponseCache, json_codec
from whatchanged.records import Cost, Prompt, Response, Tokens
from whatchanged.subjects import Continue, Subject, stream_key

CHUNK = 192
RESPONSES = json_codec(list[Response])


def draw_responses(
    ledger: Ledger, subject: Subject, prompts: Sequence[Prompt], max_tokens: int, stage: str, draw: int = 0
) -> list[Response]:
    """One response a prompt, in order. Chunks come from the cache where an earlier audit drew them."""
    cache = ResponseCache()
    chunks = [prompts[i : i + CHUNK] for i in range(0, len(prompts), CHUNK)]
    responses: list[Response] = []
    for number, chunk in enumerate(ledger.progress.track(f"{stage}: base responses", chunks)):
        key = _key(ledger, subject, chunk, max_tokens, draw)
        drawn = ledger.once(
            f"{stage}/base-{draw}-{number:04d}",
            RESPONSES,
            partial(_cached_or_drawn, ledger, subject, chunk, max_tokens, draw, cache.get(key)),
        )
        # After the ledger has it: a run killed in between must not find its own work as 'reused'.
        cache.put(key, RESPONSES.dump(drawn))
        responses += drawn
    return responses


def _cached_or_drawn(
    ledger: Ledger,
    subject: Subject,
    chunk: Sequence[Prompt],
    max_tokens: int,
    draw: int,
    stored: bytes | None,
) -> tuple[list[Response], Cost]:
    if stored is not None:
        reused: list[Response] = RESPONSES.load(stored)
        return reused, Cost(decoded_tokens=Tokens(reused=_count(reused)))
    config = ledger.config
    requests = [Continue(subject.encode(p), (), stream_key(config.seed, p.id, draw, "base")) for p in chunk]
    drawn = subject.sample(requests, max_tokens, config.temperature)
    responses = [
        Response(
            prompt_id=p.id,
            draw=draw,
            tokens=d.tokens,
            text=subject.detokenize(d.tokens),
            finished=d.end is not None,
            end=d.end,
        )
        for p, d in zip(chunk, drawn, strict=True)
    ]
    return responses, Cost(decoded_tokens=Tokens(base=_count(responses)))


def _count(responses: Sequence[Response]) -> int:
    return sum(len(r.drawn) for r in responses)


def _key(ledger: Ledger, subject: Subject, chunk: Sequence[Prompt], max_tokens: int, draw: int) -> str:
    config = ledger.config
    parts = [subject.fingerprint, str(max_tokens), str(draw), str(config.seed), str(config.temperature)]
    return hashlib.sha256("|".join([*parts, *(p.id for p in chunk)]).encode()).hexdigest()
