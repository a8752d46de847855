"""More of the pool where it pays: strata of its prompts, drawn by what the screened ones of each have shown."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from whatchanged import registry
from whatchanged.pools import normalise
from whatchanged.records import STRUCTURES, Cost, Prompt
from whatchanged.screen.factors import contributions
from whatchanged.search.finder import Evidence, Finder, Proposed
from whatchanged.search.topics import topics
from whatchanged.subjects import Access, stream, stream_key

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

# Left-over prompts that are looked at in one round: in a random order, so that they stand for the others.
WINDOW = 4096
# The prior counts as this many prompts of the pool's own mean and variance (as twice the shape for the variance).
PRIOR_PROMPTS, PRIOR_SHAPE = 8.0, 2.0
NAMED = 3


class PoolStrata(Finder):
    """Prompts of the pool that the screen left out, from the tags, structures and topics where the leads are strong."""

    name = "pool"
    needs = Access.logits

    def find(self, evidence: Evidence, tokens: int) -> Proposed:
        """One prompt a Thompson draw, as many as `tokens` screens. Looks at no model, so it costs nothing."""
        left = _unseen(evidence)
        if not left:
            left_out = "no more of the pool is left" if evidence.reserve else "the screen looks at all of the pool"
            return Proposed([], Cost(), left_out)
        screened, mass = _of_the_pool(evidence, self.name)
        strata = strata_of([*screened, *left], evidence.ledger.config.seed)
        means = posterior({name: mass[mask[: len(screened)]] for name, mask in strata.items()}, mass)
        rows = {name: np.flatnonzero(mask[len(screened) :]).tolist() for name, mask in strata.items()}
        rng = stream(stream_key(self.name, evidence.ledger.config.seed, evidence.round))
        chosen = list(drawn(means, rows, min(len(left), tokens // evidence.price), rng))
        prompts = [left[row].model_copy(update={"source": self.name}) for _, row in chosen]
        return Proposed(prompts, Cost(), _note(Counter(name for name, _ in chosen), means, mass))


def masses(evidence: Evidence) -> Floats:
    """float64[prompts], nats: what the leads' tokens gain and lose along each screened response."""
    flat = contributions(evidence.shifts)
    gained = {2 * t.token for lead in evidence.leads for t in lead.gained}
    lost = {2 * t.token + 1 for lead in evidence.leads for t in lead.lost}
    theirs = np.isin(flat.column, sorted(gained | lost))
    nats = np.bincount(flat.shift[theirs], weights=flat.value[theirs], minlength=len(evidence.shifts))
    return nats.astype(np.float64)


def strata_of(prompts: Sequence[Prompt], seed: int) -> dict[str, Mask]:
    """Where each tag, each structure and each topic holds, bool[prompts], by name. They overlap."""
    tags = sorted({tag for p in prompts for tag in p.tags})
    found = {f"tag '{tag}'": np.array([tag in p.tags for p in prompts]) for tag in tags}
    found |= {name.replace("_", " "): np.array([holds(p) for p in prompts]) for name, holds in STRUCTURES.items()}
    for words, mask in topics([p.text for p in prompts], seed):
        found["topic " + ", ".join(f"'{word}'" for word in words)] = mask
    return found


def posterior(masses: Mapping[str, Floats], every: Floats) -> dict[str, tuple[float, float, float, float]]:
    """(m, k, a, b) of a Normal-Gamma posterior on each stratum's mean mass a prompt (Murphy 2007, equations 86-89).

    The precision is Gamma(a, rate b), and the mean, given it, Normal(m, 1 / (k precision)). `every` gives the prior.
    """
    m0, k0, a0 = float(every.mean()) if len(every) else 0.0, PRIOR_PROMPTS, PRIOR_SHAPE
    b0 = a0 * max(float(every.var()) if len(every) else 0.0, 1e-12)
    found = {}
    for name, x in masses.items():
        n, mean = len(x), float(x.mean()) if len(x) else m0
        off = float(((x - mean) ** 2).sum()) / 2 + k0 * n * (mean - m0) ** 2 / (2 * (k0 + n))
        found[name] = ((k0 * m0 + n * mean) / (k0 + n), k0 + n, a0 + n / 2, b0 + off)
    return found


def drawn(
    means: Mapping[str, tuple[float, float, float, float]],
    rows: Mapping[str, Sequence[int]],
    count: int,
    rng: np.random.Generator,
) -> Iterator[tuple[str, int]]:
    """Yield (stratum, row) `count` times: the next row of the stratum whose drawn mean is the largest.

    Thompson sampling (Thompson 1933), with all draws made before any is paid.
    """
    names = [name for name in means if rows[name]]
    if not names:
        return
    m, k, a, b = np.array([means[name] for name in names]).T
    queues, taken = [iter(rows[name]) for name in names], set[int]()
    for _ in range(count):
        theta = m + rng.standard_normal(len(names)) / np.sqrt(k * rng.gamma(a) / b)
        for s in np.argsort(-theta, kind="stable"):
            row = next((row for row in queues[s] if row not in taken), None)
            if row is not None:
                taken.add(row)
                yield names[s], row
                break


def _unseen(evidence: Evidence) -> list[Prompt]:
    """The left-over prompts that were not screened yet, each once whatever its case and punctuation."""
    known = {normalise(p) for p in evidence.prompts}
    new: dict[str, Prompt] = {}
    for prompt in evidence.reserve:
        new.setdefault(normalise(prompt), prompt)
    return [p for words, p in new.items() if words not in known][:WINDOW]


def _of_the_pool(evidence: Evidence, name: str) -> tuple[list[Prompt], Floats]:
    """The screened prompts that somebody wrote, and their masses: a trigger that a finder put in says nothing of a
    topic."""
    own = [i for i, p in enumerate(evidence.prompts) if p.source == name or p.source not in registry.finders]
    return [evidence.prompts[i] for i in own], masses(evidence)[own]


def _note(chosen: Counter[str], means: Mapping[str, tuple[float, float, float, float]], mass: Floats) -> str:
    said = [f"{name} ({count} prompts, {means[name][0]:.2f} nats each)" for name, count in chosen.most_common(NAMED)]
    whole = f"{float(mass.mean()):.2f} over all" if len(mass) else "nothing screened"
    return f"most from {'; '.join(said)}; {whole}" if said else "too few tokens for a prompt"
