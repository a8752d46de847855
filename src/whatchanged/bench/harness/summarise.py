"""Rows to what they add up to: a row a setting, the cost at equal recall, what is extrapolated, the curve."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, product
from statistics import fmean

from whatchanged.bench.harness.rows import (
    AuditRow,
    BehaviourRow,
    EqualRecall,
    Extrapolated,
    FinderCounts,
    FinderRow,
    FinderTotal,
    MethodRow,
    Point,
    Setting,
)
from whatchanged.bench.harness.score import Scored

# A plant that moves its rate on target by so much is strong.
STRONG = 0.3
FAR_TEXTS = 200_000
# Where an audit is: organism and seed.
Place = tuple[str, int]


def setting_of(row: Setting) -> Setting:
    """The setting alone."""
    return Setting(**{name: getattr(row, name) for name in Setting.model_fields})


def by_setting(scored: Iterable[Scored]) -> dict[Setting, list[Scored]]:
    """In the order in which the settings first appear."""
    found: dict[Setting, list[Scored]] = {}
    for one in scored:
        found.setdefault(setting_of(one.audit), []).append(one)
    return found


def method_row(setting: Setting, scored: Sequence[Scored]) -> MethodRow:
    """All audits of one setting."""
    ran = [s.audit for s in scored if not s.audit.refused]
    nulls, plants = ([a for a in ran if a.kind == kind] for kind in ("null", "plant"))
    behaviours = [b for s in scored for b in s.behaviours]
    strong = [b for b in behaviours if is_strong(b)]
    judged = [a for a in ran if a.measured or not a.confirmed]
    return MethodRow(
        **setting.model_dump(),
        audits=len(ran),
        refused=len(scored) - len(ran),
        planted=len(behaviours),
        found=sum(b.found for b in behaviours),
        strong=len(strong),
        strong_found=sum(b.found for b in strong),
        **_totals(ran),
        fdr=fmean((a.measured - a.true) / max(1, a.measured) for a in judged) if judged else None,
        nulls=len(nulls),
        nulls_silent=sum(not a.confirmed for a in nulls),
        nulls_confirmed=sum(a.confirmed for a in nulls),
        nulls_false=sum(a.measured - a.true for a in nulls),
        plants=len(plants),
        plants_silent=sum(not a.confirmed for a in plants),
        probed=sum(a.beyond is not None for a in ran),
        probed_beyond=sum(a.beyond is not None and a.beyond > 1 for a in ran),
        **_means(ran),
    )


def finder_totals(scored: Iterable[Scored]) -> list[FinderTotal]:
    """A row a finder and setting: who found most first, then who earned most."""
    rows: dict[tuple[Setting, str], list[FinderRow]] = {}
    for one in scored:
        for row in one.finders:
            rows.setdefault((setting_of(row), row.finder), []).append(row)
    totals = [
        FinderTotal(
            **setting.model_dump(),
            finder=finder,
            audits=len(some),
            **{name: sum(getattr(row, name) for row in some) for name in FinderCounts.model_fields},
        )
        for (setting, finder), some in rows.items()
    ]
    return sorted(totals, key=lambda t: (t.name, -t.found, -t.true, -t.mass, t.finder))


def is_strong(row: BehaviourRow) -> bool:
    """Whether the plant moves its rate on target by 30 points or more."""
    return abs(row.rise) >= STRONG


def equal_recall(scored: Sequence[Scored], reference: str) -> list[EqualRecall]:
    """Every other method against the reference at the same budget, on the places that both were run at.

    First on all of them together, then, where these are several organisms, on each alone. Where the reference finds
    nothing there is no row.
    """
    settings = by_setting(scored)
    methods, budgets = ([*dict.fromkeys(getattr(s, name) for s in settings)] for name in ("method", "budget"))
    rows: list[EqualRecall | None] = []
    for budget, name in product(budgets, [m for m in methods if m != reference]):
        ours, theirs = (
            {s: some for s, some in settings.items() if (s.method, s.budget) == (m, budget)} for m in (reference, name)
        )
        common = _common([*ours.values(), *theirs.values()]) if ours and theirs else set()
        organisms = sorted({organism for organism, _ in common})
        alone = [{place for place in common if place[0] == organism} for organism in organisms]
        rows += [_equal(ours, theirs, places) for places in (common, *(alone if len(alone) > 1 else ()))]
    return [row for row in rows if row is not None]


def _equal(
    ours: Mapping[Setting, Sequence[Scored]], theirs: Mapping[Setting, Sequence[Scored]], places: set[Place]
) -> EqualRecall | None:
    reference = max((_recall(scored, places) for scored in ours.values()), default=0.0) if places else 0.0
    if reference == 0:
        return None
    our, *_ = _enough(ours, places, reference)
    # What the dearest of its settings does not find costs more than that one.
    enough = _enough(theirs, places, reference)
    chosen, *_ = enough or reversed(_enough(theirs, places, 0.0))
    cost, our_cost = _means(_at(theirs[chosen], places)), _means(_at(ours[our], places))
    return EqualRecall(
        **chosen.model_dump(),
        reference=our.name,
        organisms=tuple(sorted({organism for organism, _ in places})),
        recall=_recall(theirs[chosen], places) if enough else max(_recall(s, places) for s in theirs.values()),
        reference_recall=reference,
        reached=bool(enough),
        decoded_tokens=cost["decoded_tokens"],
        reference_decoded_tokens=our_cost["decoded_tokens"],
        decoded_ratio=_ratio(cost["decoded_tokens"], our_cost["decoded_tokens"]),
        seconds_ratio=_ratio(cost["seconds"], our_cost["seconds"]),
    )


def _enough(settings: Mapping[Setting, Sequence[Scored]], places: set[Place], recall: float) -> list[Setting]:
    """Those that find so much, the cheapest first."""
    found = [setting for setting, scored in settings.items() if _recall(scored, places) >= recall]
    return sorted(found, key=lambda setting: _means(_at(settings[setting], places))["decoded_tokens"])


def extrapolate(scored: Sequence[Scored], texts: int = FAR_TEXTS) -> list[Extrapolated]:
    """Each method that draws a given number of texts, at `texts`: its largest setting's cost in proportion."""
    found = []
    ladder = [s for s in by_setting(scored) if s.texts is not None]
    rows = by_setting(scored)
    for (_, _), settings in groupby(sorted(ladder, key=_rung), key=lambda s: (s.method, s.budget)):
        *_, largest = settings
        ran = [s.audit for s in rows[largest] if not s.audit.refused]
        if ran and largest.texts:
            far = {name: value * texts / largest.texts for name, value in _means(ran).items()}
            del far["scored_tokens"]
            told = largest.model_dump() | {"texts": texts}
            found.append(Extrapolated(**told, measured_texts=largest.texts, **far))
    return found


def _rung(setting: Setting) -> tuple[str, str, int]:
    return setting.method, setting.budget, setting.texts or 0


def curve(scored: Sequence[Scored]) -> list[Point]:
    """A point a setting, all on the places that every setting was run at; none where there are no such places."""
    settings = by_setting(scored)
    common = _common(list(settings.values()))
    if not common:
        return []
    points = []
    for setting, rows in settings.items():
        cost = _means(_at(rows, common))
        del cost["judge_calls"]
        points.append(Point(setting=setting, recall=_recall(rows, common), **cost))
    return points


def _common(all_scored: Sequence[Sequence[Scored]]) -> set[Place]:
    """Places of plants at which each of these was run."""
    ran = [
        {(s.audit.organism, s.audit.seed) for s in scored if not s.audit.refused and s.audit.kind == "plant"}
        for scored in all_scored
    ]
    return set.intersection(*ran) if ran else set()


def _at(scored: Sequence[Scored], places: set[Place]) -> list[AuditRow]:
    return [s.audit for s in scored if (s.audit.organism, s.audit.seed) in places]


def _recall(scored: Sequence[Scored], places: set[Place]) -> float:
    audits = _at(scored, places)
    return sum(a.found for a in audits) / sum(a.planted for a in audits)


def _ratio(a: float, b: float) -> float | None:
    return a / b if b else None


def _totals(audits: Sequence[AuditRow]) -> dict[str, int]:
    names = ("confirmed", "measured", "true", "coverable", "covered", "named", "named_rightly")
    return {name: sum(getattr(a, name) for a in audits) for name in names}


def _means(audits: Sequence[AuditRow]) -> dict[str, float]:
    names = ("scored_tokens", "decoded_tokens", "judge_calls", "seconds")
    return {name: fmean(getattr(a, name) for a in audits) if audits else 0.0 for name in names}
