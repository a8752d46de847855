"""Pairs of answers from models that cannot share their random numbers: each answers for itself."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, TypeVar

from whatchanged.ledger import PAIR_BATCH, Codec, Ledger, json_codec
from whatchanged.records import Cost, Pair, Prompt, Response, Tokens, first_difference
from whatchanged.subjects import Access, Said, Subject

T = TypeVar("T")
Side = Literal["base", "candidate"]
SIDES: tuple[Side, Side] = ("base", "candidate")
PAIRS = json_codec(list[Pair | None])


def independent_pairs(
    ledger: Ledger, base: Subject, candidate: Subject, prompts: Sequence[Prompt], stage: str, draw: int = 0
) -> list[Pair | None]:
    """One pair a prompt, in order; None where either model gave no answer."""
    return in_batches(
        ledger, prompts, f"{stage}/asked-{draw}", PAIRS, lambda batch: _asked(ledger, base, candidate, batch, draw)
    )


def in_batches(
    ledger: Ledger,
    prompts: Sequence[Prompt],
    step: str,
    codec: Codec[list[T]],
    ask: Callable[[Sequence[Prompt]], tuple[list[T], Cost]],
) -> list[T]:
    """What `ask` gives for each prompt, in order; each batch is a step of the ledger."""
    found: list[T] = []
    batches = [prompts[i : i + PAIR_BATCH] for i in range(0, len(prompts), PAIR_BATCH)]
    for number, batch in enumerate(ledger.progress.track(f"{step.split('/')[0]}: pairs of answers", batches)):
        came: list[T] = ledger.once(f"{step}-{number:04d}", codec, partial(ask, batch))
        found += came
    return found


def text_pair(prompt: Prompt, base: str, candidate: str, draw: int = 0) -> Pair:
    """A pair of which only the texts are known: `split_at` counts characters."""
    said = [Response(prompt_id=prompt.id, draw=draw, tokens=(), text=text, finished=True) for text in (base, candidate)]
    return Pair(
        prompt_id=prompt.id,
        draw=draw,
        base=said[0],
        candidate=said[1],
        split_at=None if base == candidate else first_difference(base, candidate),
        coupled=False,
    )


def _asked(
    ledger: Ledger, base: Subject, candidate: Subject, batch: Sequence[Prompt], draw: int
) -> tuple[list[Pair | None], Cost]:
    said = ask_both(ledger, base, candidate, batch, draw)
    pairs = [answer_pair(prompt, a, b, draw) for prompt, a, b in zip(batch, *said, strict=True)]
    return pairs, answer_cost((base, candidate), said)


def ask_both(
    ledger: Ledger, base: Subject, candidate: Subject, batch: Sequence[Prompt], draw: int
) -> list[list[Said | None]]:
    """The answers of base and candidate; nothing is stored."""
    config = ledger.config
    length, temperature = config.limits.response_tokens, config.temperature
    # Not the same key for both: two servers with one seed would share noise in a way that nobody controls.
    return [
        subject.respond(batch, draw, length, temperature, f"{config.seed}-{side}")
        for side, subject in zip(SIDES, (base, candidate), strict=True)
    ]


def answer_pair(prompt: Prompt, base: Said | None, candidate: Said | None, draw: int) -> Pair | None:
    """The pair; None without both answers."""
    return None if base is None or candidate is None else text_pair(prompt, base.text, candidate.text, draw)


def answer_cost(subjects: Sequence[Subject], said: Sequence[Sequence[Said | None]]) -> Cost:
    """What the answers of base and candidate cost: tokens, and calls where a model is behind an interface."""
    base, candidate = zip(SIDES, subjects, said, strict=True)
    return side_cost(*base) + side_cost(*candidate)


def side_cost(side: Side, subject: Subject, said: Sequence[Said | None]) -> Cost:
    """The same of one model's answers."""
    came = [answer for answer in said if answer is not None]
    tokens = sum(answer.tokens for answer in came)
    return Cost(
        decoded_tokens=Tokens(base=tokens) if side == "base" else Tokens(candidate=tokens),
        calls=len(came) if subject.access <= Access.logprobs else 0,
        usd=round(sum(answer.usd or 0.0 for answer in came), 6),
    )
