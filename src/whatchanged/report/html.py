"""report.html: one file, no script, nothing loaded from anywhere; whatever models wrote is inert text."""

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from whatchanged.records import Lead
from whatchanged.report import labels, markup, numbers
from whatchanged.report.clusters import cluster_plots
from whatchanged.report.grafting import graft_plot, graft_sentence
from whatchanged.report.heat import heat_map, heat_sentence
from whatchanged.report.interval import interval_plot
from whatchanged.report.model import Report
from whatchanged.report.payoffs import payoff_plot, payoff_sentence
from whatchanged.report.poolmap import pool_map
from whatchanged.report.rounds import game_found, game_sentence, rounds_plot
from whatchanged.report.spectrum import spectrum_plot, spectrum_sentence
from whatchanged.report.text import clip
from whatchanged.report.writes import writes_sentence

if TYPE_CHECKING:
    from jinja2 import Environment, Template

MAX_BYTES = 2_000_000


@dataclass(frozen=True)
class Limits:
    """How much of a report goes onto the page; report.json always holds all of it."""

    points: int
    cards: int
    rows: int
    examples: int
    characters: int
    short: int
    leads: int


# Tried in turn until the page is small enough; the last one is so whatever the report holds.
LIMITS = (
    Limits(points=1500, cards=64, rows=200, examples=4, characters=900, short=300, leads=20),
    Limits(points=600, cards=40, rows=80, examples=2, characters=400, short=160, leads=12),
    Limits(points=200, cards=12, rows=20, examples=1, characters=120, short=60, leads=8),
)


def render_html(report: Report) -> str:
    """A self-contained page of less than 2 MB in UTF-8."""
    page = ""
    for limits in LIMITS:
        page = _template().render(_context(report, limits))
        if len(page.encode()) < MAX_BYTES:
            break
    return page


@cache
def page_environment(*packages: str) -> "Environment":
    """Templates of `packages`, and after them the report's own. What they fill in is escaped, and made visible."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in (*packages, "whatchanged.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=markup.finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("e_value", "rate", "signed", "percent", "count", "plural", "duration", "memory"):
        environment.filters[name] = getattr(numbers, name)
    environment.filters |= {
        "chips": markup.chips,
        "token": markup.token,
        "clip": clip,
        "plot": interval_plot,
        "spectrum_plot": spectrum_plot,
        "spectrum_sentence": spectrum_sentence,
        "graft_plot": graft_plot,
        "graft_sentence": graft_sentence,
        "payoff_plot": payoff_plot,
        "payoff_sentence": payoff_sentence,
        "rounds_plot": rounds_plot,
        "game_sentence": game_sentence,
        "heat_sentence": heat_sentence,
        "writes_sentence": writes_sentence,
        "predicate": labels.predicate_words,
        "lead_name": labels.lead_name,
        "how_measured": labels.how_measured,
    }
    return environment


def _template() -> "Template":
    return page_environment().get_template("report.html.j2")


def _context(report: Report, limits: Limits) -> dict[str, Any]:
    leads = labels.ranked_leads(report)
    others = [finding for finding in report.findings if finding.status != "confirmed"]
    return {
        "report": report,
        "limits": limits,
        "verdict": labels.VERDICTS[report.verdict],
        "intents": labels.INTENTS,
        "confirmed": report.confirmed,
        "others": sorted(others, key=lambda finding: (finding.status == "refuted", -finding.e_value)),
        "leads": leads,
        "searches": labels.searches(report.finders),
        "lead_ranks": {lead.id: rank for rank, lead in enumerate(leads, 1)},
        "findings_of": _findings_of(report, leads),
        "map": pool_map(report.points, leads, limits.points),
        "numbers_of": {finding.id: number for number, finding in enumerate(report.confirmed, 1)},
        "clusters": cluster_plots(report.clusters, limits.points) if report.clusters else None,
        "heat": heat_map(report.weights.modules) if report.weights else None,
        "game_found": game_found(report),
        "differing": partial(markup.differing, limit=limits.characters),
        "total_seconds": sum(report.cost.seconds.values()),
    }


def _findings_of(report: Report, leads: list[Lead]) -> dict[str, list[int]]:
    """Numbers, from 1, of the confirmed findings that came from each lead."""
    numbered = list(enumerate(report.confirmed, 1))
    return {lead.id: [number for number, f in numbered if lead.id in f.leads] for lead in leads}
