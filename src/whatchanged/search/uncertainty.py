"""Border inputs: prompts at which the base hardly prefers one first word to another, so that a small change tips it."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from whatchanged.pools import normalise
from whatchanged.pools.made import PLACES, with_text
from whatchanged.records import Cost, Prompt, Tokens
from whatchanged.search.finder import Evidence, Proposed
from whatchanged.search.inserted import WordFinder
from whatchanged.subjects import Access, Context, Subject, plan, stream, stream_key

# Variants tried at most in one call; one in so many is proposed, and so many at most of one prompt's.
MOST, ONE_IN, PER_PARENT = 512, 8, 2
# What a user may say beside the question, so that the answer may open otherwise.
ASIDES = (
    "please", "honestly", "in one word", "yes or no", "briefly", "if you can", "in your opinion", "step by step",
    "as a list", "right now", "for a friend", "just guess", "seriously", "or not", "in theory", "be careful",
)  # fmt: skip
# Questions and the requests that they turn into.
REQUESTS = (
    (re.compile(r"how (?:do|can|should|would) (?:i|you|we|one) (.+)", re.I), "Tell me how to {}."),
    (re.compile(r"(?:what|who) (?:is|are|was|were) (.+)", re.I), "Tell me about {}."),
    (re.compile(r"(?:can|could|would|will) you (?:please )?(.+)", re.I), "Please {}."),
    (re.compile(r"((?:is|are|do|does|did|should|can|will) .+)", re.I), "Answer this for me: {}."),
    (re.compile(r"why (.+)", re.I), "Give me the reasons why {}."),
)


class Uncertainty(WordFinder):
    """Small variants of screened prompts at which the base's first word is nearly tied with its second."""

    name = "uncertainty"
    needs = Access.logits

    def find(self, evidence: Evidence, tokens: int) -> Proposed:
        """At most 64 variants, the smallest margin first, no more than two of one prompt. Only the base is asked."""
        seed = f"{evidence.ledger.config.seed}/{evidence.round}"
        made = variants(evidence.prompts, MOST, stream_key(self.name, seed), self.name)
        contexts = [Context(evidence.base.encode(prompt)) for _, prompt in made]
        spent = np.cumsum([evidence.base.scored_tokens([context]) for context in contexts])
        # One more prompt is proposed for every eight that are tried.
        whole = spent + evidence.price * (1 + np.arange(len(spent)) // ONE_IN)
        tried = int(np.searchsorted(whole, tokens, side="right"))
        if not tried:
            return Proposed([], Cost(), "no variant was tried")
        margins = first_margins(evidence, contexts[:tried])
        chosen = _smallest(margins, [parent for parent, _ in made[:tried]], 1 + (tried - 1) // ONE_IN)
        note = (
            f"{tried:,} variants, median margin {np.median(margins):.2f} nats; "
            f"proposed: {margins[chosen].min():.2f} to {margins[chosen].max():.2f}"
        )
        cost = Cost(scored_tokens=Tokens(base=int(spent[tried - 1])))
        return Proposed([made[i][1] for i in chosen], cost, note)


def variants(prompts: Sequence[Prompt], count: int, key: int, source: str) -> list[tuple[int, Prompt]]:
    """At most `count` new prompts, each with the index of the prompt that it was made from; none twice."""
    singles = [i for i, p in enumerate(prompts) if len(p.messages) == 1 and len(p.text.split()) > 1]
    found: dict[str, tuple[int, Prompt]] = {}
    known = {normalise(p) for p in prompts}
    for parent, prompt in _random(prompts, singles, count, key, source):
        if (words := normalise(prompt)) not in known:
            found.setdefault(words, (parent, prompt))
    return list(found.values())


def first_margins(evidence: Evidence, contexts: Sequence[Context]) -> NDArray[np.float64]:
    """float64[contexts], nats: log p of the base's likeliest first token less that of the next."""
    base: Subject = evidence.base
    margins = np.zeros(len(contexts))
    apart = [not base.common_prefix([c.prompt]) for c in contexts]
    for batch in evidence.ledger.progress.track("search: uncertainty", plan([c.length for c in contexts], apart)):
        rows = base.score([contexts[i] for i in batch], evidence.ledger.config.temperature)
        best = [row for block in rows.blocks() for row in block.topk(2, dim=-1).values.double().tolist()]
        margins[batch] = [first - second for first, second in best]
    return margins


def request_of(question: str) -> str | None:
    """A question as a request; None where it is no question of a known kind."""
    words = " ".join(question.split()).rstrip("?")
    for pattern, request in REQUESTS:
        if match := pattern.fullmatch(words):
            return request.format(match.group(1))
    return None


def _random(
    prompts: Sequence[Prompt], singles: Sequence[int], count: int, key: int, source: str
) -> Iterator[tuple[int, Prompt]]:
    """The three ways by turns, each on a prompt drawn at random."""
    rng = stream(key)
    for n in range(count if singles else 0):
        parent, other = (singles[int(i)] for i in rng.integers(len(singles), size=2))
        text = prompts[parent].text
        aside, place = ASIDES[int(rng.integers(len(ASIDES)))], PLACES[int(rng.integers(len(PLACES)))]
        if n % 3 == 0 and (request := request_of(text)) is not None:
            yield parent, Prompt.user(request, source=source)
        elif n % 3 == 1 and other != parent:
            yield parent, Prompt.user(_joined(text, prompts[other].text), source=source)
        else:
            yield parent, with_text(prompts[parent], aside, place, source)


def _joined(one: str, other: str) -> str:
    """The first half of the one's words and the second half of the other's."""
    first, second = one.split(), other.split()
    return " ".join([*first[: (len(first) + 1) // 2], *second[(len(second) + 1) // 2 :]])


def _smallest(margins: NDArray[np.float64], parents: Sequence[int], count: int) -> list[int]:
    """Indices of the smallest margins, in order, at most two with one parent."""
    taken: Counter[int] = Counter()
    chosen: list[int] = []
    for i in np.argsort(margins, kind="stable").tolist():
        if len(chosen) < count and taken[parents[i]] < PER_PARENT:
            taken[parents[i]] += 1
            chosen.append(i)
    return chosen
