"""Which prompts meet the change: read energy under the base alone, |dW h| / |W h|, whatever the candidate says."""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from whatchanged.pools import normalise
from whatchanged.records import Cost, Prompt, Tokens
from whatchanged.search.finder import Evidence, Proposed
from whatchanged.search.inserted import WordFinder
from whatchanged.search.weights import changed_directions
from whatchanged.subjects import Access, stream, stream_key
from whatchanged.weights.predict import ReadDirections

# Half of the tokens read candidates, which costs the base's pass alone; the rest screens the strongest.
READ = 0.5
# A change whose directions hold less than this of it reads nearly everything: a tune of full rank.
LEAST_HELD = 0.5
LEAST_WORDS = 4


class ReadEnergy(WordFinder):
    """Prompts of the rest of the pool, and such as are put together of two, at which the base meets the change most."""

    name = "read-energy"
    needs = Access.weights

    def find(self, evidence: Evidence, tokens: int) -> Proposed:
        """The strongest of what half of the tokens can read; the other half screens them."""
        from whatchanged.weights.predict import read_energy

        directions, note = changed_directions(evidence)
        if directions is None:
            return Proposed([], Cost(), note)
        if (share := held(directions)) < LEAST_HELD:
            return Proposed([], Cost(), f"the change is of high rank: its leading directions hold {share:.0%} of it")
        candidates, scored = _within(evidence, int(READ * tokens))
        count = (tokens - scored) // evidence.price
        if not candidates or not count:
            return Proposed([], Cost(), "too few tokens, or no prompt to read that was not screened")
        read = read_energy(evidence.base, directions, candidates, progress=evidence.ledger.progress)
        if not read.modules:
            return Proposed([], Cost(), "only the head changed, which every prompt meets")
        order = np.argsort(-read.scores, kind="stable")[:count]
        prompts = [candidates[i].model_copy(update={"source": self.name}) for i in order]
        most, least = (float(read.scores[i]) for i in (order[0], order[-1]))
        note = f"read {len(candidates)} prompts; those taken meet the change {least:.1f} to {most:.1f} times the median"
        return Proposed(prompts, Cost(scored_tokens=Tokens(base=scored)), note)


def held(directions: ReadDirections) -> float:
    """Share of the whole change's |dW|_F^2 that its directions hold, over all modules."""
    kept = np.array([float(m.values @ m.values) for m in directions.modules])
    whole = kept / np.array([max(m.held, 1e-12) for m in directions.modules])
    return float(kept.sum() / whole.sum())


def recombined(prompts: Sequence[Prompt], rng: np.random.Generator) -> Iterator[Prompt]:
    """Each prompt of one turn with its second half exchanged for another's, in a random order."""
    single = [p.text.split() for p in prompts if len(p.messages) == 1]
    words = [w for w in single if len(w) >= LEAST_WORDS]
    for i, j in zip(rng.permutation(len(words)), rng.permutation(len(words)), strict=True):
        if i != j:
            first, second = words[i], words[j]
            yield Prompt.user(" ".join([*first[: len(first) // 2], *second[len(second) // 2 :]]))


def _within(evidence: Evidence, tokens: int) -> tuple[list[Prompt], int]:
    """New prompts to read, the rest of the pool first, and the tokens that the base scores for them."""
    base, rng = evidence.base, stream(stream_key(ReadEnergy.name, evidence.ledger.config.seed, evidence.round))
    seen = {normalise(p) for p in evidence.prompts}
    found: list[Prompt] = []
    scored = 0
    # In another order every round: what was read and left is not all that is read again.
    reserve = (evidence.reserve[i] for i in rng.permutation(len(evidence.reserve)))
    for prompt in chain(reserve, recombined(evidence.prompts, rng)):
        if (words := normalise(prompt)) in seen:
            continue
        ids = base.encode(prompt)
        cost = len(ids) - base.common_prefix([ids])
        if scored + cost > tokens:
            break
        seen.add(words)
        found.append(prompt)
        scored += cost
    return found, scored
