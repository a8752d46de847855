"""Prompts to shifts: one forward pass of each model over the base's cached responses."""

from collections.abc import Sequence
from functools import partial

from whatchanged.ledger import SHIFTS, Ledger
from whatchanged.records import Cost, Prompt, Response, Shift, Tokens
from whatchanged.screen.shift import shifts_of
from whatchanged.subjects import Context, Subject, pair_batches

CHUNK = 256
NOISE_PROMPTS = 48


def scan(
    ledger: Ledger,
    base: Subject,
    candidate: Subject,
    prompts: Sequence[Prompt],
    responses: Sequence[Response],
    stage: str = "screen",
) -> list[Shift]:
    """Shifts in the order of `responses` (prompts[i] is the prompt of responses[i]).

    Memory: one batch of hidden states and one block of distributions, whatever the pool's size.
    """
    shifts: list[Shift] = []
    starts = list(range(0, len(prompts), CHUNK))
    for number, start in enumerate(ledger.progress.track(f"{stage}: shifts", starts)):
        part = slice(start, start + CHUNK)
        measured = ledger.once(
            f"{stage}/shifts-{number:04d}",
            SHIFTS,
            partial(_score, ledger, base, candidate, prompts[part], responses[part]),
        )
        shifts += measured
    return shifts


def noise_floor(ledger: Ledger, base: Subject, prompts: Sequence[Prompt], responses: Sequence[Response]) -> list[Shift]:
    """The base against itself in other batch shapes and padding: what rounding alone would show."""
    prompts, responses = prompts[:NOISE_PROMPTS], responses[:NOISE_PROMPTS]

    def measure() -> tuple[list[Shift], Cost]:
        shifts, cost = _score(ledger, base, base, prompts, responses, parts=4)
        return shifts, cost

    return ledger.once("screen/noise-floor", SHIFTS, measure)


def _score(
    ledger: Ledger,
    base: Subject,
    candidate: Subject,
    prompts: Sequence[Prompt],
    responses: Sequence[Response],
    parts: int = 1,
) -> tuple[list[Shift], Cost]:
    config = ledger.config
    null = base.fingerprint == candidate.fingerprint
    shortcut = null and config.identity_shortcut and parts == 1
    if null and not shortcut:
        # Without the shortcut a null must show rounding, as two real models would.
        parts = max(parts, 3)
    contexts = [
        (Context(base.encode(p), r.tokens), Context(candidate.encode(p), r.tokens))
        for p, r in zip(prompts, responses, strict=True)
    ]
    found: dict[int, Shift] = {}
    for batch in pair_batches(base, candidate, contexts):
        p_rows = base.score([contexts[i][0] for i in batch], config.temperature)
        q_rows = p_rows if shortcut else candidate.score([contexts[i][1] for i in batch], config.temperature, parts)
        found |= zip(batch, shifts_of(p_rows, q_rows, [responses[i] for i in batch]), strict=True)
    base_tokens = base.scored_tokens([a for a, _ in contexts])
    other = 0 if shortcut else candidate.scored_tokens([b for _, b in contexts])
    tokens = Tokens(base=base_tokens + other) if null else Tokens(base=base_tokens, candidate=other)
    return [found[i] for i in range(len(prompts))], Cost(scored_tokens=tokens)
