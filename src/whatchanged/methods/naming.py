"""A cluster in words, and as a predicate that reproduces who is in it."""

from collections.abc import Sequence
from itertools import cycle, islice

import numpy as np
from numpy.typing import NDArray

from whatchanged.endpoints import Ask
from whatchanged.ledger import json_codec
from whatchanged.methods.keywords import keywords
from whatchanged.methods.texts import Sampled
from whatchanged.opened import Opened
from whatchanged.predicates import families, load
from whatchanged.records import Cost, Message, Pair, PredicateSpec, Response, first_difference
from whatchanged.report.text import one_line
from whatchanged.roles.reasoner import usage
from whatchanged.roles.text import fence, load_prompt

WORDS = json_codec(str)
MOST_PAIRS = 160
# How much likelier a text inside satisfies the predicate than one outside: below, it is about something else.
LEAST_FIT = 0.4
# Words that can be quoted say more than a trait that the same texts have: that is worth so much of the fit.
EXACT = 0.05
SHOWN, SHOWN_LENGTH, LABEL_LENGTH = 8, 300, 80


def reproducing(drawn: Sampled, inside: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> PredicateSpec | None:
    """The predicate of any family that best tells the texts inside from others; None where none does well."""
    pairs = _against(drawn.describing, inside)
    if not pairs:
        return None
    specs = [spec for family in families().values() for spec in family.propose(pairs, drawn.prompts)]
    fits = [_fit(spec, pairs, drawn) for spec in specs]
    best = int(np.argmax(fits)) if fits else 0
    return specs[best] if fits and fits[best] >= LEAST_FIT else None


def label(audit: Opened, cluster: str, inside: Sequence[str], outside: Sequence[str], ask: bool) -> tuple[str, str]:
    """(label, who gave it): the reasoner where there is one and `ask`, else the words that stand out."""
    words = ", ".join(keywords(inside, outside)) or "no word stands out"
    model = audit.roles.reasoner
    if model is None or not ask:
        return one_line(words, LABEL_LENGTH), "keywords"
    prompt = load_prompt("cluster")

    def work() -> tuple[str, Cost]:
        text = prompt.render(inside=_fenced(inside), outside=_fenced(outside))
        asked = Ask(
            messages=(Message(role="user", content=text),),
            max_tokens=prompt.max_tokens,
            temperature=prompt.temperature,
            seed=audit.ledger.config.seed,
        )
        (reply,) = model.ask([asked])
        return ("" if reply is None else one_line(reply.text, LABEL_LENGTH)), usage([reply])

    said = audit.ledger.once(f"label/{cluster}", WORDS, work)
    audit.roles.did["reasoner"] = ["labelled clusters that differ"]
    return (said, model.name) if said else (one_line(words, LABEL_LENGTH), "keywords")


def _against(pairs: Sequence[Pair], inside: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> list[Pair]:
    """Texts inside as 'candidate' beside texts outside as 'base': the same prompt's where it is one, else another's."""
    texts = [(pair.base, pair.candidate) for pair in pairs]
    others = [said[side] for i, said in enumerate(texts) for side in (0, 1) if not inside[side][i]]
    if not others:
        return []
    spare = cycle(others)
    made = [
        _pair(said[side], said[1 - side] if not inside[1 - side][i] else next(spare))
        for i, said in enumerate(texts)
        for side in (0, 1)
        if inside[side][i]
    ]
    step = max(1, len(made) // MOST_PAIRS)
    return list(islice(made, 0, None, step))


def _pair(member: Response, other: Response) -> Pair:
    same = member.text == other.text
    return Pair(
        prompt_id=member.prompt_id,
        draw=member.draw,
        base=other.model_copy(update={"prompt_id": member.prompt_id}),
        candidate=member,
        split_at=None if same else first_difference(other.text, member.text),
        coupled=False,
    )


def _fit(spec: PredicateSpec, pairs: Sequence[Pair], drawn: Sampled) -> float:
    """Share of texts inside that satisfy it, minus the share of those outside, with a preference for phrases."""
    predicate = load(spec)
    gaps = [
        predicate.score(pair.candidate.text, drawn.prompts[pair.prompt_id])
        - predicate.score(pair.base.text, drawn.prompts[pair.prompt_id])
        for pair in pairs
    ]
    return sum(gaps) / len(gaps) + EXACT * (bool(predicate.openings()) + (spec.family == "phrase"))


def _fenced(texts: Sequence[str]) -> str:
    step = max(1, len(texts) // SHOWN)
    return "\n".join(fence(text, "TEXT", SHOWN_LENGTH) for text in texts[::step][:SHOWN])
