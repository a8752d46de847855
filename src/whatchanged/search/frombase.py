"""Fresh prompts where the pool has too few: the base alone writes them, as a user who is on the region's subject."""

from collections.abc import Iterable, Sequence
from functools import partial

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
ABOUT = ("{}", "I have a question about {}", "What should I know about {}", "My {}")


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

        Else none, as for regions that no word brings a prompt into, and where the tokens do not reach.
        """
        most = DRAWS * MAX_TOKENS
        starts = openers(claim.region, inside)
        if not starts or most > min(self._left, self.ledger.tokens_left()):
            return []
        self._left -= most
        made = self.ledger.once(_step(claim.id), PROMPTS, partial(self._write, claim, starts))
        self._known |= {normalise(p) for p in made}
        return made if len(made) >= min(ENOUGH, max(FEWEST, 2 * len(inside))) else []

    def _write(self, claim: Hypothesis, starts: Sequence[str]) -> tuple[list[Prompt], Cost]:
        from whatchanged.search.turns import asked_in, unfinished

        begun = [starts[i % len(starts)] for i in range(DRAWS)]
        keys = [stream_key("from base", self.ledger.config.seed, claim.id, i) for i in range(DRAWS)]
        rows = {start: unfinished(self.base, start) for start in starts}
        requests = [Continue(rows[start], (), key) for start, key in zip(begun, keys, strict=True)]
        drawn = self.base.sample(requests, MAX_TOKENS, 1.0)
        made: dict[str, Prompt] = {}
        for start, d in zip(begun, drawn, strict=True):
            asked = asked_in(start + self.base.detokenize(d.tokens), d.end is not None)
            if asked is None or len(asked) <= len(start):
                continue
            prompt = Prompt.user(asked, source=BASE)
            if claim.region.contains(prompt) and (words := normalise(prompt)) not in self._known:
                made.setdefault(words, prompt)
        spent = sum(d.decoded for d in drawn)
        # In an order that nobody chose: tests look at them one after the other, and stop.
        return sorted(made.values(), key=lambda p: stream_key("order", p.id)), Cost(decoded_tokens=Tokens(base=spent))


def written(ledger: Ledger, claim_id: str) -> list[Prompt]:
    """What the base wrote for a claim in this run."""
    found: list[Prompt] = ledger.once(_step(claim_id), PROMPTS, lambda: ([], Cost()))
    return found


def openers(region: Region, inside: Sequence[Prompt]) -> list[str]:
    """First words of a turn in the region: of prompts `inside` it, up to its word, and of its values alone."""
    if region.kind != "mentions":
        return []
    found = [opener for p in inside if len(p.messages) == 1 and (opener := _up_to(region, p.text)) is not None]
    found += [about.format(value) for value in region.values for about in ABOUT]
    return list(dict.fromkeys(text[:1].upper() + text[1:] for text in found))[:DRAWS]


def _up_to(region: Region, text: str) -> str | None:
    words = text.split()
    heads = (" ".join(words[:n]) for n in range(1, LONGEST + 1))
    return next((head.rstrip(".,:;!?") for head in heads if region.contains(Prompt.user(head))), None)


def _step(claim_id: str) -> str:
    return f"confirm/from-base-{claim_id}"
