"""Clusters of texts as a treemap (area: texts; shade: which model has more of them) and on a map of two axes."""

from collections.abc import Sequence
from typing import NamedTuple

from whatchanged.report.model import ClustersView, TextCluster
from whatchanged.report.numbers import rate, signed
from whatchanged.report.text import clip, visible

_COLOURS = 6
_MOST_TILES = 48
# Width over height of the drawing, so that tiles come out near square; and characters a per cent of its width.
_SHAPE, _CHARACTERS = 4.0, 1.3
_LABELLED_HEIGHT = 9.0
_EDGE = 2.0


class Tile(NamedTuple):
    """A rectangle in per cent; `shade` is 0 to 1, in the colour of the model that has more."""

    x: float
    y: float
    width: float
    height: float
    more: str
    shade: float
    words: str
    title: str


class Spot(NamedTuple):
    """A text's place in per cent, its cluster's colour, whose it is."""

    x: float
    y: float
    colour: str
    side: str


class ClusterPlots(NamedTuple):
    """Tiles of the behavioural clusters, the map's spots, and (colour, cluster) of those that differ most."""

    tiles: list[Tile]
    spots: list[Spot]
    legend: list[tuple[str, str]]


def cluster_plots(view: ClustersView, most: int) -> ClusterPlots | None:
    """At most `most` spots. None where there is no cluster to draw."""
    drawn = sorted((c for c in view.clusters if c.kind == "behavioural" and c.texts), key=lambda c: -c.texts)
    drawn = drawn[:_MOST_TILES]
    if not drawn:
        return None
    largest = max(abs(_gap(c)) for c in drawn) or 1.0
    places = _split([c.texts for c in drawn], (0.0, 0.0, 100.0, 100.0))
    tiles = [_tile(c, place, largest) for c, place in zip(drawn, places, strict=True)]
    told = sorted(drawn, key=lambda c: -abs(_gap(c)))[:_COLOURS]
    colours = {c.id: f"k{n}" for n, c in enumerate(told)}
    legend = [(colours[c.id], f"{c.id} {clip(visible(c.label), 30)}") for c in told]
    return ClusterPlots(tiles, _spots(view, colours, most), legend)


def _gap(cluster: TextCluster) -> float:
    return cluster.share_candidate - cluster.share_base


def _tile(cluster: TextCluster, place: tuple[float, float, float, float], largest: float) -> Tile:
    x, y, width, height = (round(value, 2) for value in place)
    told = f"{cluster.texts} texts, {signed(_gap(cluster))}, p {rate(cluster.p_value)}"
    label, room = visible(cluster.label), int(width * _CHARACTERS)
    return Tile(
        x=x,
        y=y,
        width=width,
        height=height,
        more="gain" if _gap(cluster) >= 0 else "loss",
        shade=round(0.6 * abs(_gap(cluster)) / largest, 3),
        words=clip(label, room) if room > 4 and height > _LABELLED_HEIGHT else "",
        title=f"{cluster.id}: {clip(label, 80)} | {told}",
    )


def _split(sizes: Sequence[int], area: tuple[float, float, float, float]) -> list[tuple[float, float, float, float]]:
    """Rectangles of these sizes that fill the area: halved by size, across its longer side, until each is alone."""
    if len(sizes) == 1:
        return [area]
    x, y, width, height = area
    total, taken, cut = sum(sizes), 0, 0
    while cut < len(sizes) - 1 and (cut == 0 or 2 * taken < total):
        taken += sizes[cut]
        cut += 1
    share = taken / total
    if _SHAPE * width >= height:
        first, rest = (x, y, width * share, height), (x + width * share, y, width * (1 - share), height)
    else:
        first, rest = (x, y, width, height * share), (x, y + height * share, width, height * (1 - share))
    return [*_split(sizes[:cut], first), *_split(sizes[cut:], rest)]


def _spots(view: ClustersView, colours: dict[str, str], most: int) -> list[Spot]:
    step = max(1, -(-len(view.points) // max(1, most)))
    points = view.points[::step]
    if not points:
        return []
    left, right = min(p.x for p in points), max(p.x for p in points)
    low, high = min(p.y for p in points), max(p.y for p in points)

    def place(value: float, first: float, last: float) -> float:
        return round(_EDGE + (100 - 2 * _EDGE) * ((value - first) / (last - first) if last > first else 0.5), 1)

    return [
        Spot(place(p.x, left, right), place(p.y, low, high), colours.get(p.cluster or "", "kx"), p.side) for p in points
    ]
