"""What a prompt's answer shows of a change, as numbers by token: the currency of the game."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from whatchanged.records import Shift
from whatchanged.screen.factors import contributions, summed

Ints = NDArray[np.int64]

CHUNK = 256


@dataclass(frozen=True)
class Profile:
    """Sparse float64[prompts, keys] in nats, as parallel arrays: an entry's prompt, key and value. `count` prompts.

    A key is 4 x token, + 2 where it is lost and not gained, + 1 at the answer's opening.
    """

    row: Ints
    key: Ints
    value: NDArray[np.float64]
    count: int

    @property
    def token_gained(self) -> Ints:
        """The token of each entry; -1 where it is lost."""
        return np.where(self.key // 2 % 2 == 0, self.key // 4, -1)

    def only(self, kept: NDArray[np.bool_]) -> Self:
        """Some of the entries, of as many prompts."""
        return type(self)(self.row[kept], self.key[kept], self.value[kept], self.count)


def profile(shifts: Sequence[Shift]) -> Profile:
    """The pointwise contributions, q log(q/p) gained and p log(p/q) lost, added up over a response by key.

    Memory: the contributions of one chunk of shifts, beside the result.
    """
    parts = [_part(shifts[start : start + CHUNK]) for start in range(0, max(len(shifts), 1), CHUNK)]
    return Profile(
        row=np.concatenate([part.row + n * CHUNK for n, part in enumerate(parts)]),
        key=np.concatenate([part.key for part in parts]),
        value=np.concatenate([part.value for part in parts]),
        count=len(shifts),
    )


def _part(shifts: Sequence[Shift]) -> Profile:
    flat = contributions(shifts)
    return Profile(*summed(flat.shift, flat.placed, flat.value), len(shifts))


def sums(where: Ints, values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """float64[count]: the values added up by their place."""
    return np.bincount(where, values, count).astype(np.float64)


def quantiles(entries: Profile, count: int, level: float) -> dict[int, float]:
    """The quantile of each key's value over `count` prompts, where it is above 0; without an entry a prompt has 0."""
    if not len(entries.key):
        return {}
    order = np.argsort(entries.key, kind="stable")
    keys, starts = np.unique(entries.key[order], return_index=True)
    found = {}
    for key, values in zip(keys.tolist(), np.split(entries.value[order], starts[1:]), strict=True):
        if len(values) > (1 - level) * (count - 1):
            padded = np.concatenate([np.zeros(count - len(values)), values])
            found[key] = float(np.quantile(padded, level))
    return {key: value for key, value in found.items() if value > 0}


def lookup(nats: Mapping[int, float], keys: Ints) -> NDArray[np.float64]:
    """The value of each key; 0 where there is none."""
    if not nats:
        return np.zeros(len(keys))
    known = np.array(sorted(nats), np.int64)
    values = np.array([nats[key] for key in known.tolist()])
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[at] == keys, values[at], 0.0)
