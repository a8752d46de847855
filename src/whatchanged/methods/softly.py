"""Soft prompts of one length, trained, answered and read back: one step of the ledger."""

from math import ceil
from typing import Any

from whatchanged.errors import SpecError
from whatchanged.methods.readback import RESTATE, RESTATED_TOKENS, Reading, readings, spoken
from whatchanged.methods.vectors import POSITIONS, REFRESH, Stage, framed, greedy, train
from whatchanged.opened import Opened
from whatchanged.records import Cost, Record, Tokens
from whatchanged.search.gradient import PASSES, embeddings
from whatchanged.subjects import Ids, stream, stream_key
from whatchanged.weights.predict.frames import frame_of

LENGTHS, RESTARTS = (4, 12), 3
MOST_STEPS = 200


class Trial(Record):
    """One soft prompt: its divergence before and after, the models' likeliest answers to it, and its texts."""

    length: int
    before: float
    after: float
    base: str
    candidate: str
    readings: tuple[Reading, ...]


def stage(audit: Opened) -> Stage:
    """Both models with their templates. Raises SpecError for models whose embeddings have different widths."""
    models: tuple[Any, Any] = (audit.base, audit.candidate)
    widths = [embeddings(model).shape[1] for model in models]
    if widths[0] != widths[1]:
        raise SpecError(
            f"'{audit.base.name}' and '{audit.candidate.name}' have embeddings of {widths[0]} and {widths[1]} numbers, "
            "so no soft prompt fits both; choose another --method"
        )
    return Stage(models, (frame_of(audit.base, "{}"), frame_of(audit.candidate, "{}")))


def trials(audit: Opened, length: int) -> tuple[list[Trial], Cost]:
    """RESTARTS soft prompts of this length, within the share of the search's tokens that the length has."""
    where = stage(audit)
    tokens = audit.ledger.config.limits.search_tokens // len(LENGTHS)
    passes = [RESTARTS * (len(f.prefix) + length + len(f.suffix) + POSITIONS - 1) for f in where.frames]
    # A step goes forward and back in both; each look at the divergence is one pass more, and the answer before it.
    steps = max(1, min(MOST_STEPS, int(tokens / (sum(passes) * (PASSES + 1 / REFRESH) + passes[1] / REFRESH))))
    trained = train(where, _starts(audit, length), steps)
    texts = readings(where, trained.vectors)
    said = [
        spoken(model, greedy(model, framed(model, frame, trained.vectors), RESTATED_TOKENS).tolist())
        for model, frame in zip(where.models, where.frames, strict=True)
    ]
    made = [
        Trial(
            length=length, before=round(before, 6), after=round(after, 6), base=a, candidate=b, readings=tuple(own)
        )
        for before, after, a, b, own in zip(trained.before, trained.after, *said, texts, strict=True)
    ]  # fmt: skip
    looks = 1 + ceil(steps / REFRESH)
    extra = RESTARTS * RESTATED_TOKENS
    scored = Tokens(
        base=passes[0] * (PASSES * steps + looks) + (1 + len(RESTATE)) * (passes[0] + extra),
        candidate=passes[1] * (PASSES * steps + 2 * looks) + passes[1] + extra,
    )
    return made, Cost(scored_tokens=scored)


def _starts(audit: Opened, length: int) -> list[Ids]:
    """The first tokens of random discovery prompts, over again where one is too short."""
    rng = stream(stream_key(audit.ledger.config.seed, "soft", length))
    prompts = audit.prompts.discovery
    rows = [audit.base.tokenize(prompts[i].text) or (0,) for i in rng.integers(len(prompts), size=RESTARTS).tolist()]
    return [(row * length)[:length] for row in rows]
