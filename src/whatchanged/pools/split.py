"""Divide a pool into discovery and confirmation, which never share a prompt."""

import hashlib
import heapq
import math
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from whatchanged.errors import PoolError
from whatchanged.records import Prompt

# One prompt in so many is held back where there is a second round.
HELD_BACK = 4


class Split(NamedTuple):
    """The two sides, each in a seeded random order."""

    discovery: tuple[Prompt, ...]
    confirmation: tuple[Prompt, ...]


def split(prompts: Sequence[Prompt], discovery: int, confirmation: int, seed: int) -> Split:
    """Send each prompt to the side its text decides, then cut each side to at most the size asked.

    The side is one bit of a hash of `normalise(prompt)` and the seed: half and half, the same whatever
    else is in the pool, and the same for prompts that differ only in case, spaces or punctuation.
    The cut keeps the pool's shares of the categories (a prompt's first tag up to its '/'). A larger size
    adds prompts and removes none. A side smaller than the size asked is taken whole.

    Raises PoolError when a side that is asked for stays empty.
    """
    sides: tuple[list[Prompt], list[Prompt]] = ([], [])
    for prompt in prompts:
        sides[_hash(seed, "side", normalise(prompt)) & 1].append(prompt)
    shares = Counter(map(_category, prompts))
    names = Split._fields
    for name, side, size in zip(names, sides, (discovery, confirmation), strict=True):
        if size > 0 and not side:
            raise PoolError(f"pool of {len(prompts)} prompts leaves none for {name}; add more prompts")
    return Split(_cut(sides[0], discovery, shares, seed), _cut(sides[1], confirmation, shares, seed))


def left_over(prompts: Sequence[Prompt], taken: Split, seed: int) -> tuple[Prompt, ...]:
    """What `split` with this seed left out of discovery, in the order in which a larger size would take it.

    The other side's are not among them: they stay fresh for whoever asks for more confirmation.
    """
    held = {p.id for p in taken.discovery}
    return tuple(p for p in split(prompts, len(prompts), 0, seed).discovery if p.id not in held)


def hold_back(prompts: Sequence[Prompt], seed: int) -> tuple[list[Prompt], list[Prompt]]:
    """(those of a first round, about a quarter held back for a second one), each in the given order.

    The side is decided by a hash of `normalise(prompt)` and the seed, as in `split`. Where one would stay empty,
    nothing is held back.
    """
    sides: tuple[list[Prompt], list[Prompt]] = ([], [])
    for prompt in prompts:
        sides[_hash(seed, "held", normalise(prompt)) % HELD_BACK == 0].append(prompt)
    return sides if all(sides) else (list(prompts), [])


def normalise(prompt: Prompt) -> str:
    """The words of all messages, a message a line: compatibility forms unified, case folded, and
    punctuation, spaces and control characters removed (marks stay: they are vowels in Hindi)."""
    return "\n".join(_bare(message.content) for message in prompt.messages)


def _bare(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(char for char in folded if unicodedata.category(char)[0] not in "PZC")


def _category(prompt: Prompt) -> str:
    return prompt.tags[0].partition("/")[0] if prompt.tags else ""


def _hash(seed: int, purpose: str, text: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{purpose}:{text}".encode()).digest()[:8], "big")


def _cut(side: Iterable[Prompt], size: int, shares: Counter[str], seed: int) -> tuple[Prompt, ...]:
    def place(prompt: Prompt) -> int:
        return _hash(seed, "order", prompt.id)

    strata: defaultdict[str, list[Prompt]] = defaultdict(list)
    for prompt in sorted(side, key=place):
        strata[_category(prompt)].append(prompt)
    seats = _apportion(size, shares, {name: len(stratum) for name, stratum in strata.items()})
    kept = (prompt for name, stratum in strata.items() for prompt in stratum[: seats[name]])
    return tuple(sorted(kept, key=place))


def _apportion(size: int, shares: Counter[str], available: dict[str, int]) -> Counter[str]:
    """Seats per category, at most what is available: Huntington-Hill, priority share / sqrt(n (n + 1)).

    Chosen because nobody gets a second seat before all have one (the first priority is infinite), and
    because more seats in all never means fewer for one (Balinski and Young, Fair Representation, 1982).
    """
    seats: Counter[str] = Counter()
    queue = [(-math.inf, -shares[name], name) for name in available]
    heapq.heapify(queue)
    while queue and seats.total() < size:
        _, _, name = heapq.heappop(queue)
        seats[name] += 1
        if (n := seats[name]) < available[name]:
            heapq.heappush(queue, (-shares[name] / math.sqrt(n * (n + 1)), -shares[name], name))
    return seats
