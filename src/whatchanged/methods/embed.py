"""Texts as points: the base's own hidden states where it has them, else words weighted by how rare they are.

Both models' texts are embedded by one function, so that a distance between them is one of texts, not of embeddings.
"""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from whatchanged.errors import MissingExtra
from whatchanged.ledger import Codec
from whatchanged.methods.texts import Sampled
from whatchanged.opened import Opened
from whatchanged.predicates.hashing import vector
from whatchanged.records import Cost, Pair, Response, Tokens
from whatchanged.subjects import Access, Context

Floats = NDArray[np.float64]
# Axes kept: enough for distances between texts, few enough for k-means on thousands of them.
MOST_AXES = 32
STATES = "hidden states of the base, averaged over the answer"
WORDS = "hashed words, weighted by inverse document frequency"


class Points(NamedTuple):
    """(texts, axes), and in words how they were made."""

    points: Floats
    how: str


class Embedded(NamedTuple):
    """Points (pairs, axes) of each half and side, in the pairs' order, and in words how they were made.

    The axes are the principal ones of the texts for describing; those for testing had no part in them.
    """

    describing: tuple[Floats, Floats]
    testing: tuple[Floats, Floats]
    how: str


def embed(audit: Opened, drawn: Sampled) -> Embedded:
    """All texts of a sample. Raises MissingExtra without scikit-learn."""
    halves = (drawn.describing, drawn.testing)
    texts = [response for pairs in halves for side in ("base", "candidate") for response in _side(pairs, side)]

    def work() -> tuple[Points, Cost]:
        first = 2 * len(drawn.describing)
        states, cost = _states(audit, drawn, texts)
        points, how = (_tf_idf(texts, first), WORDS) if states is None else (_scaled(states, first), STATES)
        return Points(_principal(points, first), how), cost

    found = audit.ledger.once("embed/points", POINTS, work)
    ends = np.cumsum([len(pairs) for pairs in halves for _ in range(2)])
    parts = np.split(found.points, ends[:-1])
    return Embedded((parts[0], parts[1]), (parts[2], parts[3]), found.how)


def _side(pairs: Sequence[Pair], side: str) -> list[Response]:
    return [pair.base if side == "base" else pair.candidate for pair in pairs]


def _states(audit: Opened, drawn: Sampled, texts: Sequence[Response]) -> tuple[Floats | None, Cost]:
    """(texts, width) under the base, whoever said them, and the forward passes; None where there are none."""
    base = audit.base
    if audit.access < Access.logits or not texts:
        return None, Cost()
    # An empty answer is where it would begin.
    contexts = [Context(base.encode(drawn.prompts[r.prompt_id]), r.tokens, start=min(1, len(r.tokens))) for r in texts]
    states = base.mean_states(contexts)
    if states is None:
        return None, Cost()
    return states.astype(np.float64), Cost(scored_tokens=Tokens(base=base.scored_tokens(contexts)))


def _scaled(points: Floats, first: int) -> Floats:
    """Unit spread on every axis: a few axes of hidden states are far larger than all others."""
    middle, spread = points[:first].mean(axis=0), points[:first].std(axis=0)
    scaled: Floats = (points - middle) / np.where(spread > 0, spread, 1.0)
    return scaled


def _tf_idf(texts: Sequence[Response], first: int) -> Floats:
    counts = np.array([vector(response.text) for response in texts])
    seen = (counts[:first] > 0).sum(axis=0)
    weighted: Floats = counts * (np.log((1 + first) / (1 + seen)) + 1)
    return weighted


def _principal(points: Floats, first: int) -> Floats:
    """The leading axes of the first points, all points on them, the largest first."""
    try:
        from sklearn.decomposition import PCA
    except ImportError:
        raise MissingExtra("scikit-learn", "hf") from None
    axes = min(MOST_AXES, *points[:first].shape)
    found = PCA(axes, svd_solver="full" if first < 1000 else "randomized", random_state=0).fit(points[:first])
    placed: Floats = found.transform(points)
    return placed


def _dump(found: Points) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, points=found.points.astype(np.float32), how=np.array(found.how))
    return buffer.getvalue()


def _load(data: bytes) -> Points:
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        return Points(stored["points"].astype(np.float64), str(stored["how"]))


POINTS: Codec[Points] = Codec(dump=_dump, load=_load, suffix=".npz")
