"""Points to groups, and whether one model's texts are in a group more often than the other's."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from whatchanged.config import AuditConfig, ClusterBy
from whatchanged.errors import MissingExtra
from whatchanged.methods.embed import Floats
from whatchanged.methods.fixed import permuted

Labels = NDArray[np.intp]
LEAST, MOST = 4, 48
# A group of HDBSCAN holds the nearest points up to this share of its own.
WITHIN = 0.95
OUTSIDE = -1


class Grouping(NamedTuple):
    """Centres (groups, axes), and how far from its centre a group reaches (infinite for k-means)."""

    centres: Floats
    reach: Floats

    def of(self, points: Floats) -> Labels:
        """The nearest centre of each point, or -1 beyond its reach."""
        if not len(self.centres):
            return np.full(len(points), OUTSIDE)
        distances = np.sqrt(((points[:, None, :] - self.centres[None]) ** 2).sum(axis=-1))
        nearest = distances.argmin(axis=1)
        beyond = distances[np.arange(len(points)), nearest] > self.reach[nearest]
        return np.where(beyond, OUTSIDE, nearest)


class Membership(NamedTuple):
    """Shares of both models' texts in one group, means over prompts, and the p-value of the difference."""

    base: float
    candidate: float
    p_value: float = 1.0


def group(points: Floats, how: ClusterBy, seed: int) -> Grouping:
    """Groups of the points: k-means with sqrt(n/2) of them (Mardia et al. 1979), or HDBSCAN (Campello et al. 2013).

    Raises MissingExtra without scikit-learn.
    """
    try:
        from sklearn.cluster import HDBSCAN, KMeans
    except ImportError:
        raise MissingExtra("scikit-learn", "hf") from None
    k = min(MOST, max(LEAST, round(math.sqrt(len(points) / 2))), len(points))
    if how == "k-means":
        found = KMeans(k, n_init=4, random_state=seed % 2**32).fit(points)
        return Grouping(found.cluster_centers_, np.full(k, np.inf))
    labels = HDBSCAN(min_cluster_size=max(4, len(points) // (4 * k)), copy=True).fit_predict(points)
    members = [points[labels == n] for n in range(labels.max(initial=OUTSIDE) + 1)]
    centres = np.array([some.mean(axis=0) for some in members]).reshape(len(members), points.shape[1])
    apart = [np.linalg.norm(some - centre, axis=1) for some, centre in zip(members, centres, strict=True)]
    return Grouping(centres, np.array([np.quantile(d, WITHIN) for d in apart]))


def differences(prompts: Sequence[str], inside: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> Floats:
    """(prompts,) share of the candidate's texts inside minus the base's: one value a prompt, in order of appearance."""
    places: Mapping[str, int] = {i: n for n, i in enumerate(dict.fromkeys(prompts))}
    rows = np.array([places[i] for i in prompts], dtype=np.intp)
    sums = np.bincount(rows, inside[1].astype(float) - inside[0].astype(float), len(places))
    found: Floats = sums / np.bincount(rows, minlength=len(places))
    return found


def membership(
    prompts: Sequence[str], inside: tuple[NDArray[np.bool_], NDArray[np.bool_]], sign: int, m: int, config: AuditConfig
) -> Membership:
    """Shares, and the one-sided p in the direction `sign` that the other half of the prompts showed; one of `m`."""
    if not len(prompts):
        return Membership(0.0, 0.0)
    d = differences(prompts, inside)
    return Membership(float(inside[0].mean()), float(inside[1].mean()), permuted(sign * d, m, config))
