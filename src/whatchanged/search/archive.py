"""MAP-Elites over prompts (Mouret and Clune 2015): of each kind of prompt the one that shows the most beyond drift."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whatchanged.errors import MissingExtra
from whatchanged.records import Lead
from whatchanged.screen.factors import contributions, summed
from whatchanged.search.drift import medians
from whatchanged.search.finder import Evidence
from whatchanged.search.origin import from_pool
from whatchanged.search.topics import topics

# Prompts of up to 4, 8, 16, 32 and more words are told apart.
LENGTHS, SHORTEST = 5, 4

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Gains:
    """What each screened prompt's answer gains, token by token, beyond what the pool's median prompt gains.

    Of gained tokens, q log(q / p) is summed over the response; what a token gains at the median prompt is drift.
    """

    def __init__(self, evidence: Evidence) -> None:
        flat, count = contributions(evidence.shifts), len(evidence.shifts)
        gained = flat.column % 2 == 0
        row, token, nats = summed(flat.shift[gained], flat.column[gained] // 2, flat.value[gained])
        tokens, column = np.unique(token, return_inverse=True)
        pool = np.isin(np.arange(count), from_pool(evidence))
        own = pool[row]
        self._nats = np.maximum(nats - medians(column[own], nats[own], len(tokens), int(pool.sum()))[column], 0.0)
        self._row, self._column, self._tokens = row, column, tokens.tolist()
        self._count, self._pool = count, pool

    def merit(self) -> Floats:
        """float64[prompts], nats: the sum over tokens, beyond the pool's median prompt."""
        sums = np.bincount(self._row, weights=self._nats, minlength=self._count).astype(np.float64)
        merit: Floats = sums - (float(np.median(sums[self._pool])) if self._pool.any() else 0.0)
        return merit

    def nearest(self, leads: Sequence[Lead]) -> Ints:
        """int64[prompts]: the lead whose gained tokens hold most of the gain; len(leads) where none holds any."""
        held = np.full((self._count, len(leads) + 1), 1e-12)
        for n, lead in enumerate(leads):
            norm = math.hypot(*(t.weight for t in lead.gained)) or 1.0
            weight = {t.token: t.weight / norm for t in lead.gained}
            known = np.array([weight.get(token, 0.0) for token in self._tokens])
            held[:, n] = np.bincount(self._row, weights=self._nats * known[self._column], minlength=self._count)
        nearest: Ints = held.argmax(1)
        return nearest


def elites(evidence: Evidence, gains: Gains) -> list[int]:
    """Indices of the prompts in the archive: at most one for each lead, topic and length, by their merit.

    Only single turns of some text are in it. Raises MissingExtra without ribs.
    """
    try:
        from ribs.archives import GridArchive
    except ImportError:
        raise MissingExtra("ribs", "search") from None
    single = [i for i, p in enumerate(evidence.prompts) if len(p.messages) == 1 and p.text.split()]
    if not single:
        return []
    leads = [lead for lead in evidence.leads if lead.gained]
    groups = topics([p.text for p in evidence.prompts], evidence.ledger.config.seed)
    topic = np.argmax([mask for _, mask in groups], 0) if groups else np.zeros(len(evidence.prompts), int)
    length = np.log2([max(len(p.text.split()), 1) / SHORTEST for p in evidence.prompts]) + 1
    dims = (len(leads) + 1, max(len(groups), 1), LENGTHS)
    # Centres of cells, so that no rounding moves a prompt to the next.
    measures = np.stack([gains.nearest(leads), topic, np.clip(np.ceil(length), 0, LENGTHS) - 1], 1).clip(0) + 0.5
    archive = GridArchive(solution_dim=1, dims=dims, ranges=[(0, n) for n in dims])
    merit = gains.merit()
    for i in single:  # one by one: a batch is slower, as its functions are compiled first
        archive.add_single([i], merit[i], measures[i])
    return sorted(int(i) for i in archive.data("solution")[:, 0])
