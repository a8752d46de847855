"""Topics without a model: prompts grouped by the words they share."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whatchanged.errors import MissingExtra
from whatchanged.predicates.hashing import terms, vector

MOST_TOPICS = 24
PROMPTS_EACH = 40
WORDS = 3


def topics(texts: Sequence[str], seed: int) -> list[tuple[tuple[str, ...], NDArray[np.bool_]]]:
    """(its words, bool[texts]) of each topic: a partition, by k-means over hashed words weighted by how rare they are.

    A topic is named by the words that it holds most beyond their frequency elsewhere. None for few texts. Hashed words
    stand in for hidden states: they cost no pass of a model, and are the same for every base.
    """
    count = min(MOST_TOPICS, len(texts) // PROMPTS_EACH)
    if count < 2:
        return []
    label = _clustered(np.stack([vector(t) for t in texts]).astype(np.float32), count, seed)
    words = [{w for w in terms(t) if not w.endswith("-")} for t in texts]
    every = Counter(w for held in words for w in held)
    found = []
    for k in range(count):
        mask = label == k
        inside = Counter(w for held, here in zip(words, mask, strict=True) if here for w in held)
        beyond = {w: n - every[w] * float(mask.mean()) for w, n in inside.items()}
        found.append((tuple(sorted(beyond, key=lambda w: (-beyond[w], w))[:WORDS]), mask))
    return found


def _clustered(table: NDArray[np.float32], count: int, seed: int) -> NDArray[np.int32]:
    """int32[rows]: the cluster of each row of hashed words."""
    try:
        from sklearn.cluster import KMeans
    except ImportError:
        raise MissingExtra("scikit-learn", "hf") from None
    rarity = np.log((1 + len(table)) / (1 + (table > 0).sum(0)))
    weighted = table * rarity
    weighted /= np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-12)
    found: NDArray[np.int32] = KMeans(count, n_init=1, max_iter=50, random_state=seed).fit_predict(weighted)
    return found
