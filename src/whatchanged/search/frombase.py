"""Fresh prompts where the pool has too few: the base alone writes them, as a user who is on the region's subject."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from whatchanged.ledger import Ledger, json_codec
from whatchanged.pools import normalise
from whatchanged.pools.selfmade import MAX_TOKENS
from whatchanged.records import BASE, Cost, Hypothesis, Prompt, Region, Tokens
from whatchanged.subjects import Continue, Subject, stream_key

PROMPTS = json_codec(list[Prompt])
# Prompts that a test should have; turns begun for one claim; and how few will do where they are twice the pool's.
ENOUGH, DRAWS, FEWEST = 24, 96, 12
# What all claims together may decode for this: one in so many of confirmation's tokens.
SHARE = 8
# Words of a prompt up to the region's own, at most; and what begins a turn where no prompt does.
LONGEST = 12
# No word brings a prompt under a tag. So many of the pool's that carry it are few, and yet begin turns of their kind.
TAGGED = 3
ABOUT = ("{}", "I have a question about {}", "What should I know about {}", "My {}")


class Opener(NamedTuple):
    """First words of a user's turn, and the region's tags that what begins so carries."""

    text: str
    tags: tuple[str, ...] = ()


class FromBase:
    """Writes for one claim after another. The candidate has no part in it, and discovery's streams are others.

    `known` is what discovery and the test have asked or hold: none of it is written again, nor is anything twice.
    """

    def __init__(self, ledger: Ledger, base: Subject, known: Iterable[Prompt]) -> None:
        self.ledger, self.base = ledger, base
        self._known = {normalise(p) for p in known}
        self._left = ledger.config.limits.confirm_tokens // SHARE

    def __call__(self, claim: Hypothesis, inside: Sequence[Prompt]) -> list[Prompt]:
        """At least 24 prompts in the claim's region, begun like those of the pool `inside` it; or 12, if twice as many.

        Else none, as for regions that neither words nor a beginning bring a prompt into, and where tokens do not reach.
        """
        most = DRAWS * MAX_TOKENS
        starts = openers(claim.region, inside)
        if not starts or most > min(self._left, self.ledger.tokens_left()):
            return []
        self._left -= most
        made = self.ledger.once(_step(claim.id), PROMPTS, partial(self._write, claim, starts))
        self._known |= {normalise(p) for p in made}
        return made if len(made) >= min(ENOUGH, max(FEWEST, 2 * len(inside))) else []

    def _write(self, claim: Hypothesis, starts: Sequence[Opener]) -> tuple[list[Prompt], Cost]:
        from whatchanged.search.turns import asked_in, unfinished

        begun = [starts[i % len(starts)] for i in range(DRAWS)]
        keys = [stream_key("from base", self.ledger.config.seed, claim.id, i) for i in range(DRAWS)]
        rows = {start.text: unfinished(self.base, start.text) for start in starts}
        requests = [Continue(rows[start.text], (), key) for start, key in zip(begun, keys, strict=True)]
        drawn = self.base.sample(requests, MAX_TOKENS, 1.0)
        made: dict[str, Prompt] = {}
        for start, d in zip(begun, drawn, strict=True):
            asked = asked_in(start.text + self.base.detokenize(d.tokens), d.end is not None)
            if asked is None or len(asked) <= len(start.text):
                continue
            prompt = Prompt.user(asked, start.tags, BASE)
            if claim.region.contains(prompt) and (words := normalise(prompt)) not in self._known:
                made.setdefault(words, prompt)
        spent = sum(d.decoded for d in drawn)
        # In an order that nobody chose: tests look at them one after the other, and stop.
        return sorted(made.values(), key=lambda p: stream_key("order", p.id)), Cost(decoded_tokens=Tokens(base=spent))


def written(ledger: Ledger, claim_id: str) -> list[Prompt]:
    """What the base wrote for a claim in this run."""
    found: list[Prompt] = ledger.once(_step(claim_id), PROMPTS, lambda: ([], Cost()))
    return found


def openers(region: Region, inside: Sequence[Prompt]) -> list[Opener]:
    """How turns in the region begin: as prompts `inside` it do, up to its word, or for a tag up to their half."""
    alone = [p for p in inside if len(p.messages) == 1]
    if region.kind == "mentions":
        found = [Opener(text) for p in alone if (text := _up_to(region, p.text)) is not None]
        found += [Opener(about.format(value)) for value in region.values for about in ABOUT]
    elif region.kind == "tag" and len(alone) >= TAGGED:
        found = [Opener(_half(p.text), tuple(t for t in p.tags if t in region.values)) for p in alone]
    else:
        found = []
    capital = (Opener(o.text[:1].upper() + o.text[1:], o.tags) for o in found)
    return list(dict.fromkeys(capital))[:DRAWS]


def _half(text: str) -> str:
    """The first half of its first words, of which there are twelve at most; of one word, half its characters."""
    words = text.split()[:LONGEST]
    return " ".join(words[: (len(words) + 1) // 2]) if len(words) > 1 else text[: (len(text) + 1) // 2]


def _up_to(region: Region, text: str) -> str | None:
    words = text.split()
    heads = (" ".join(words[:n]) for n in range(1, LONGEST + 1))
    return next((head.rstrip(".,:;!?") for head in heads if region.contains(Prompt.user(head))), None)


def _step(claim_id: str) -> str:
    return f"confirm/from-base-{claim_id}"
