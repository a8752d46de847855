"""Text to numbers without a model: words hashed into a fixed number of buckets."""

import re
import zlib
from collections import Counter

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

DIMENSION = 1024
STEM = 4
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def terms(text: str) -> Counter[str]:
    """Words in small letters, and for longer words their first four letters ('help-' for 'helpful')."""
    counts = Counter(WORD.findall(text.lower()))
    for word, count in list(counts.items()):
        if len(word) > STEM:
            counts[word[:STEM] + "-"] += count
    return counts


def bucket(term: str) -> int:
    """The term's bucket, the same on every machine and in every process (`hash` is neither)."""
    return zlib.crc32(term.encode("utf-8", "surrogatepass")) % DIMENSION


def vector(text: str) -> Vector:
    """Shape (DIMENSION,): log(1 + count) of the terms in each bucket, with unit length (or zero)."""
    counts: Vector = np.zeros(DIMENSION)
    for term, count in terms(text).items():
        counts[bucket(term)] += count
    weighted: Vector = np.log1p(counts)
    norm = float(np.linalg.norm(weighted))
    return weighted / norm if norm else weighted
