"""Instruments whose readings follow a known law, so that a campaign's verdicts can be held against the truth."""

from collections.abc import Callable, Sequence

import numpy as np

from whatchanged.confirm import Instruments, Rate
from whatchanged.confirm.measure import SAMPLED, SCORED
from whatchanged.predicates import Predicate
from whatchanged.records import Finding, Hypothesis, PredicateSpec, Prompt, Region
from whatchanged.subjects import stream, stream_key

Law = Callable[[np.random.Generator, int], np.ndarray]


def hypothesis(number: int, *, scored: bool = True, direction: str = "more", prior: float = 0.5, **rest) -> Hypothesis:
    """A hypothesis on a phrase of its own: the phrase's number says which law it follows."""
    kind = "opens_with" if scored else "contains"
    spec = PredicateSpec(family="phrase", args={"kind": kind, "phrases": [f"phrase {number}"]})
    values = {"region": Region(), "margin": 0.05} | rest
    return Hypothesis(
        id=f"h{number:02d}", sentence=f"Says {number}.", predicate=spec, direction=direction, prior=prior, **values
    )


def best_again(hypotheses: Sequence[Hypothesis], first: Sequence[Finding]) -> list[Hypothesis]:
    """The four with the most evidence, under new ids: on the same prompts that would be double counting."""
    best = sorted(first, key=lambda f: -f.e_value)[:4]
    chosen = [next(h for h in hypotheses if h.id == f.id) for f in best]
    return [h.model_copy(update={"id": f"r2-{h.id}"}) for h in chosen]


class LawInstruments(Instruments):
    """`laws[n]` gives candidate - base of `hypothesis(n)`, in [-1, 1]."""

    def __init__(self, laws: Sequence[Law], seed: int = 0) -> None:
        self.laws, self.seed = laws, seed
        self.seen: dict[int, list[Prompt]] = {}

    def pace(self, predicate: Predicate, prompts: int):
        return SCORED if self.scores(predicate) else SAMPLED

    def scores(self, predicate: Predicate) -> bool:
        return bool(predicate.openings())

    def pairs_of(self, prompts: Sequence[Prompt], step: str):
        return []

    def measure(self, predicate: Predicate, prompts: Sequence[Prompt], step: str, draws: int = 1) -> list[Rate | None]:
        number = int(predicate.spec.args["phrases"][0].split()[1])
        taken = self.seen.setdefault(number, [])
        values = self.laws[number](stream(stream_key(self.seed, number, len(taken))), len(prompts))
        taken += prompts
        return [Rate(max(0.0, -d), max(0.0, d)) for d in values.tolist()]


def two_point(mean: float, low: float = 0.0, high: float = 1.0) -> Law:
    """`high` with the probability that makes this mean, else `low`."""
    p = (mean - low) / (high - low)
    return lambda rng, n: np.where(rng.random(n) < p, high, low)


def beta(mean: float, size: float) -> Law:
    """A beta law on [-1, 1] with this mean; a larger size is narrower."""
    share = (mean + 1) / 2
    return lambda rng, n: 2 * rng.beta(share * size, (1 - share) * size, n) - 1
