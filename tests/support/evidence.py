"""What the screen leaves, made in one call: responses of a base and shifts along them."""

from collections.abc import Sequence

from whatchanged.elicit import draw_responses
from whatchanged.ledger import Ledger
from whatchanged.records import Pair, Prompt, Response
from whatchanged.screen import Evidence, scan
from whatchanged.subjects import Subject


def evidence_of(
    ledger: Ledger, base: Subject, candidate: Subject, prompts: Sequence[Prompt], length: int = 8
) -> Evidence:
    """Screen these prompts."""
    responses = draw_responses(ledger, base, prompts, length, "screen")
    shifts = scan(ledger, base, candidate, prompts, responses)
    return Evidence(ledger, base, candidate, prompts, responses, shifts)


def said(prompt: Prompt, text: str, draw: int = 0) -> Response:
    """A finished response of that text; its tokens say only whether two texts are the same."""
    words = tuple(sum(map(ord, word)) for word in text.split())
    return Response(prompt_id=prompt.id, draw=draw, tokens=words, text=text, finished=True, end=0)


def pair_of(prompt: Prompt, base: str, candidate: str) -> Pair:
    """A pair of given texts."""
    return Pair(
        prompt_id=prompt.id,
        draw=0,
        base=said(prompt, base),
        candidate=said(prompt, candidate),
        split_at=None if base == candidate else 0,
    )
