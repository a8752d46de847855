"""Subgroup discovery: the region of prompts in which an effect lives, found on discovery prompts only.

Quality of a region is the sum over its prompts of (value - cut), a weighted relative accuracy (Klösgen 1996;
Lavrač et al. 1999) with the cut at a fraction of the effect where it is strong: it pays to take in every
prompt that shows the effect and to leave out every one that does not.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whatchanged.records import STRUCTURES, WORD, Prompt, Region, RegionKind

# The cut, as a share of the effect where it is strong (its 90th percentile among prompts past the margin).
CUT = 0.5
MIN_SUPPORT = 3
MAX_VALUES = 12
# A value joins a region only if it pays for about this many cuts, so that regions stay short.
PRICE = 0.75
# And only if its new prompts stand out from the rest by this many standard errors: hundreds of words are tried,
# and without this a few dozen sampled pairs always yield a list of words.
MIN_Z = 3.0
# The least spread over prompts that a few of them may show.
FLOOR = 0.1
# A list of words describes a region to a reader and works on any pool; a tag only on pools that carry it.
KIND_PENALTY = {"everywhere": 0.0, "mentions": 0.02, "structure": 0.04, "ends_with": 0.04, "tag": 0.06}

_STOP = frozenset((Path(__file__).parent / "stopwords.txt").read_text().split())


@dataclass(frozen=True)
class Subgroup:
    """A region with its quality and where it holds (bool[prompts])."""

    region: Region
    quality: float
    inside: NDArray[np.bool_]


def find_region(prompts: Sequence[Prompt], values: NDArray[np.float64], margin: float) -> Subgroup:
    """The region whose prompts show the effect. `values` (prompts,) in [-1, 1], positive in the direction sought.

    Falls back to everywhere when no narrower region is better.
    """
    strong = np.sort(values[values > margin])
    cut = max(margin, CUT * float(np.quantile(strong, 0.9))) if len(strong) else margin
    excess = values - cut
    everywhere = Subgroup(Region(), float(excess.sum()), np.ones(len(prompts), bool))
    groups = [everywhere]
    for kind, masks in _candidates(prompts):
        if (group := _union(kind, masks, excess, cut)) is not None:
            groups.append(group)
    scale = max(g.quality for g in groups)
    if scale <= 0:
        return everywhere
    return max(groups, key=lambda g: g.quality - KIND_PENALTY[g.region.kind] * scale)


def _candidates(prompts: Sequence[Prompt]) -> Iterator[tuple[RegionKind, dict[str, NDArray[np.bool_]]]]:
    """(kind, value -> where it holds) of all single conditions that hold for enough prompts."""
    tags: dict[str, set[int]] = defaultdict(set)
    words: dict[str, set[int]] = defaultdict(set)
    forms: dict[str, set[str]] = defaultdict(set)
    endings: dict[str, set[int]] = defaultdict(set)
    for i, prompt in enumerate(prompts):
        for tag in prompt.tags:
            tags[tag].add(i)
        for word in WORD.findall(prompt.text):
            if word.lower() not in _STOP:
                words[word.lower()].add(i)
                forms[word.lower()].add(word)
        last = prompt.text.split()
        for n in (2, 3, 4):
            if len(last) > n:
                ending = " ".join(last[-n:])
                endings[ending.lower()].add(i)
                forms[ending.lower()].add(ending)
    found_by_kind: tuple[tuple[RegionKind, dict[str, set[int]]], ...] = (
        ("tag", tags),
        ("mentions", {_written(forms[word]) or word: rows for word, rows in words.items()}),
        ("ends_with", {_written(forms[ending]) or ending: rows for ending, rows in endings.items()}),
    )
    for kind, found in found_by_kind:
        yield kind, {v: _mask(rows, len(prompts)) for v, rows in found.items() if len(rows) >= MIN_SUPPORT}
    structures = {name: np.array([holds(p) for p in prompts]) for name, holds in STRUCTURES.items()}
    yield "structure", {v: mask for v, mask in structures.items() if mask.sum() >= MIN_SUPPORT}


def _written(forms: set[str]) -> str | None:
    """The word as it is always written, or None if in several ways. Regions ignore case; models do not."""
    return next(iter(forms)) if len(forms) == 1 else None


def _mask(rows: set[int], n: int) -> NDArray[np.bool_]:
    mask = np.zeros(n, bool)
    mask[list(rows)] = True
    return mask


def _union(
    kind: RegionKind, masks: dict[str, NDArray[np.bool_]], excess: NDArray[np.float64], cut: float
) -> Subgroup | None:
    """Greedy union: at each step the value whose new prompts add most, while it pays its price."""
    if not masks:
        return None
    inside = np.zeros(len(excess), bool)
    spread = max(float(excess.std()), FLOOR)
    chosen: list[str] = []
    while len(chosen) < MAX_VALUES:
        rest = float(excess[~inside].mean()) if not inside.all() else 0.0
        gains: dict[str, float] = {}
        for value, mask in masks.items():
            new = excess[mask & ~inside]
            if len(new) and new.sum() > PRICE * cut and (new.mean() - rest) * np.sqrt(len(new)) >= MIN_Z * spread:
                gains[value] = float(new.sum())
        if not gains:
            break
        # Of two endings that hold for the same prompts, the longer one says more.
        best = max(gains, key=lambda v: (gains[v], len(v), v))
        chosen.append(best)
        inside |= masks[best]
    if not chosen:
        return None
    quality = float(excess[inside].sum()) - PRICE * cut * (len(chosen) - 1)
    region = Region(kind=kind, values=tuple(chosen))
    return Subgroup(region, quality, inside)
