"""Semantic: on the far side of a frozen direction in a space of hashed words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from whatchanged.predicates.base import Predicate, checked, quoted
from whatchanged.predicates.contrast import by_prompt, differing
from whatchanged.predicates.hashing import DIMENSION, Vector, bucket, terms, vector
from whatchanged.records import Direction, Pair, PredicateSpec, Prompt, Record

BUCKETS = 64
MIN_PROMPTS = 16
MIN_AUC = 0.65
RIDGE = 0.02

Bucket = Annotated[int, Field(ge=0, lt=DIMENSION)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class SemanticArgs(Record):
    """The direction as (bucket, weight) pairs, the threshold on it, and the words that show most of it."""

    direction: tuple[tuple[Bucket, Finite], ...] = Field(min_length=1, max_length=BUCKETS)
    threshold: Finite
    words: tuple[str, ...] = Field(min_length=1)
    instead_of: tuple[str, ...] = ()


class Semantic(Predicate):
    """1 when the text's hashed word vector projects beyond the threshold, else 0. Needs no model."""

    family = "semantic"
    args: SemanticArgs

    def __init__(self, /, **args: object) -> None:
        self.args = checked(self.family, SemanticArgs, args)
        self._weights: Vector = np.zeros(DIMENSION)
        for index, weight in self.args.direction:
            self._weights[index] = weight

    def score(self, response: str, prompt: Prompt) -> float:
        return float(vector(response) @ self._weights > self.args.threshold)

    def describe(self, direction: Direction) -> str:
        other = f" rather than {quoted(self.args.instead_of)}" if self.args.instead_of else ""
        return f"uses words such as {quoted(self.args.words)}{other} {direction} often"

    @classmethod
    def examples(cls) -> list[PredicateSpec]:
        direction = [(bucket("ahoy"), 1.0), (bucket("matey"), 0.8), (bucket("certainly"), -0.5)]
        words, instead_of = ["ahoy", "matey"], ["certainly"]
        return [cls(direction=direction, threshold=0.1, words=words, instead_of=instead_of).spec]

    @classmethod
    def propose(cls, pairs: Sequence[Pair], prompts: Mapping[str, Prompt]) -> list[PredicateSpec]:
        """One direction, fitted on half of the differing prompts, if it separates the rest (AUC > 0.65)."""
        grouped = by_prompt(differing(pairs))
        if len(grouped) < MIN_PROMPTS:
            return []
        ids = sorted(grouped)
        fit, check = ([pair for i in ids[start::2] for pair in grouped[i]] for start in (0, 1))
        predicate = cls._fit(fit)
        if predicate is None or predicate._auc(check) <= MIN_AUC:
            return []
        return [predicate.spec]

    @classmethod
    def _fit(cls, pairs: Sequence[Pair]) -> "Semantic | None":
        base = np.stack([vector(pair.base.text) for pair in pairs])
        candidate = np.stack([vector(pair.candidate.text) for pair in pairs])
        weights = _direction(base, candidate)
        strongest = np.argsort(-np.abs(weights), kind="stable")[:BUCKETS]
        direction = [(int(i), round(float(weights[i]), 4)) for i in strongest if abs(weights[i]) >= 5e-5]
        words, instead_of = _strongest_words(pairs, dict(direction))
        if not direction or not words:
            return None
        kept = np.zeros(DIMENSION)
        kept[[i for i, _ in direction]] = [w for _, w in direction]
        middle = float((base @ kept).mean() + (candidate @ kept).mean()) / 2
        return cls(direction=direction, threshold=round(middle, 4), words=words, instead_of=instead_of)

    def _auc(self, pairs: Sequence[Pair]) -> float:
        """P(a candidate answer projects further than a base answer), ties counting half (Mann-Whitney)."""
        base = np.array([vector(pair.base.text) @ self._weights for pair in pairs])
        candidate = np.array([vector(pair.candidate.text) @ self._weights for pair in pairs])
        gaps = candidate[:, None] - base[None, :]
        return float((gaps > 0).mean() + (gaps == 0).mean() / 2)


def _direction(base: Vector, candidate: Vector) -> Vector:
    """Unit vector (DIMENSION,): difference of means over pooled variance plus a ridge, both in TF-IDF.

    Diagonal discriminant analysis; the inverse document frequencies are folded into the weights, so
    that scoring needs only the direction. Inputs: (pairs, DIMENSION).
    """
    documents = np.concatenate([base, candidate])
    seen = (documents > 0).sum(axis=0)
    idf = np.log((1 + len(documents)) / (1 + seen)) + 1
    spread = ((base * idf).var(axis=0) + (candidate * idf).var(axis=0)) / 2
    weights: Vector = idf * ((candidate.mean(axis=0) - base.mean(axis=0)) * idf) / (spread + RIDGE)
    norm = float(np.linalg.norm(weights))
    return weights / norm if norm else weights


def _strongest_words(pairs: Sequence[Pair], direction: Mapping[int, float]) -> tuple[list[str], list[str]]:
    """Up to five words each way, by weight times how often the side in question says them more."""
    gain: Counter[str] = Counter()
    for pair in pairs:
        gain.update(set(terms(pair.candidate.text)))
        gain.subtract(set(terms(pair.base.text)))
    whole = [word for word in gain if not word.endswith("-")]
    strength = {word: direction.get(bucket(word), 0.0) * gain[word] for word in whole}
    agreeing = sorted((w for w in whole if strength[w] > 0), key=lambda w: (-strength[w], w))
    more = [word for word in agreeing if gain[word] > 0]
    less = [word for word in agreeing if gain[word] < 0]
    return more[:5], less[:5]
