"""The map of the pool: one row a category, one point a discovery prompt, on a logarithmic axis of KL."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from whatchanged.records import Lead
from whatchanged.report.labels import lead_name
from whatchanged.report.model import MapPoint
from whatchanged.report.numbers import rate
from whatchanged.report.text import clip, visible

_COLOURS = 6
_MOST_DECADES = 8
_MOST_ROWS = 24
_EDGE = 2.0
# Golden ratio: successive points spread evenly over the row's height without a random number.
_GOLDEN = 0.6180339887


@dataclass(frozen=True)
class Dot:
    """x in per cent of the row's width, y in per cent of its height, colour class, tooltip."""

    x: float
    y: float
    colour: str
    title: str


@dataclass(frozen=True)
class MapRow:
    """A category with its drawn dots, the number of its prompts and the place of their median KL."""

    category: str
    dots: tuple[Dot, ...]
    prompts: int
    median: float


@dataclass(frozen=True)
class PoolMap:
    """Rows by falling median; `ticks` are (x, exponent of ten); `legend` (colour class, lead's name)."""

    rows: tuple[MapRow, ...]
    ticks: tuple[tuple[float, int], ...]
    legend: tuple[tuple[str, str], ...]
    shown: int
    total: int


def pool_map(points: Sequence[MapPoint], leads: Sequence[Lead], most: int) -> PoolMap | None:
    """Lay out at most `most` points; `leads` in rank order. None where there is nothing to draw."""
    positive = [point.kl for point in points if point.kl > 0 and math.isfinite(point.kl)]
    if not positive:
        return None
    high = math.ceil(math.log10(max(positive)))
    low = max(min(math.floor(math.log10(min(positive))), high - 1), high - _MOST_DECADES)
    drawn = thin(points, most)
    colours = _colours(drawn, leads)
    ranks = {lead.id: f"L{rank} {visible(clip(lead_name(lead), 30))}" for rank, lead in enumerate(leads, 1)}

    def place(kl: float) -> float:
        exponent = math.log10(kl) if kl > 0 and math.isfinite(kl) else low
        return _EDGE + (100 - 2 * _EDGE) * (min(max(exponent, low), high) - low) / (high - low)

    def dot(index: int, point: MapPoint) -> Dot:
        who = ranks.get(point.lead or "", "no lead")
        prompt = clip(visible(point.prompt), 80)
        title = f"{prompt} | KL {rate(point.kl)}, P(change) {rate(point.p_change)}, {who}"
        y = 18 + 64 * ((index * _GOLDEN) % 1)
        return Dot(round(place(point.kl), 1), round(y, 1), colours.get(point.lead or "", "kx"), title)

    rows = []
    for category, (everyone, visible_points) in _by_category(points, drawn).items():
        dots = tuple(dot(index, point) for index, point in enumerate(visible_points))
        median = sorted(place(point.kl) for point in everyone)[len(everyone) // 2]
        rows.append(MapRow(category, dots, len(everyone), round(median, 1)))
    return PoolMap(
        rows=tuple(sorted(rows, key=lambda row: -row.median)),
        ticks=tuple((round(place(10.0**e), 2), e) for e in range(low, high + 1)),
        legend=tuple((colours[lead.id], ranks[lead.id]) for lead in leads if lead.id in colours),
        shown=len(drawn),
        total=len(points),
    )


def thin(points: Sequence[MapPoint], most: int) -> list[MapPoint]:
    """The strongest third of `most`, and every n-th of the others, in the order given."""
    if len(points) <= most:
        return list(points)
    order = sorted(range(len(points)), key=lambda index: -points[index].kl)
    strongest, others = order[: most // 3], sorted(order[most // 3 :])
    rest = most - len(strongest)
    kept = [others[index * len(others) // rest] for index in range(rest)]
    return [points[index] for index in sorted([*strongest, *kept])]


def _colours(points: Sequence[MapPoint], leads: Sequence[Lead]) -> dict[str, str]:
    """A colour class for each of the leads that lead the most points; the others stay grey."""
    seen = Counter(point.lead for point in points)
    common = sorted((lead for lead in leads if seen[lead.id]), key=lambda lead: -seen[lead.id])[:_COLOURS]
    chosen = {lead.id for lead in common}
    return {lead.id: f"k{n}" for n, lead in enumerate(lead for lead in leads if lead.id in chosen)}


def _by_category(
    points: Sequence[MapPoint], drawn: Sequence[MapPoint]
) -> dict[str, tuple[list[MapPoint], list[MapPoint]]]:
    """All and drawn points of each category; the smallest categories share one row when there are many."""
    sizes = Counter(point.category for point in points)
    many = len(sizes) > _MOST_ROWS
    own = {name for name, _ in sizes.most_common(_MOST_ROWS - 1 if many else _MOST_ROWS)}
    rest = f"{len(sizes) - len(own)} smaller categories"
    groups: dict[str, tuple[list[MapPoint], list[MapPoint]]] = defaultdict(lambda: ([], []))
    for which, group in enumerate((points, drawn)):
        for point in group:
            groups[point.category if point.category in own else rest][which].append(point)
    return dict(groups)
