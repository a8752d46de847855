"""Which finding of a run is to be undone, which others are to be spared, and on which prompts that is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from whatchanged.errors import RunDirectoryError, SpecError, UsageError
from whatchanged.pools import load_pools, split
from whatchanged.predicates import load
from whatchanged.records import Finding, Prompt
from whatchanged.report import Report
from whatchanged.report.text import one_line
from whatchanged.search import fresh_prompts
from whatchanged.subjects import parse


@dataclass(frozen=True)
class Target:
    """A finding with its openings, and the prompts in and off its region, from the run's discovery side.

    The confirmation prompts stay fresh for an audit of what is made of this; they serve only where no discovery
    prompt lies in the region.
    """

    finding: Finding
    openings: tuple[str, ...]
    on: Sequence[Prompt]
    off: Sequence[Prompt]


def targets(report: Report, findings: Sequence[Finding]) -> list[Target]:
    """One a finding. Raises RunDirectoryError, PoolError, and UsageError for a region that holds no prompt."""
    config = report.config
    try:
        one, other = (int(config["limits"][side]) for side in ("discovery_prompts", "confirmation_prompts"))
        pool, seed = tuple(config["pool"]), int(config["seed"])
    except (KeyError, TypeError, ValueError):
        raise RunDirectoryError("the run's report does not say which prompts it used: run the audit again") from None
    sides = split(load_pools(pool), one, other, seed)
    found = []
    for finding in findings:
        inside = finding.region.contains
        on = fresh_prompts(finding, sides.discovery) or [p for p in sides.confirmation if inside(p)]
        if not on:
            raise UsageError(
                f"finding '{finding.id}': no prompt of the run's pool lies in its region; name another finding"
            )
        found.append(Target(finding, openings(finding), on, [p for p in sides.discovery if not inside(p)]))
    return found


def chosen(report: Report, run: Path, finding_id: str) -> Finding:
    found = next((f for f in report.findings if f.id == finding_id), None)
    if found is None:
        ids = ", ".join(one_line(f.id, 40) for f in report.confirmed) or "none is confirmed"
        raise RunDirectoryError(f"run '{run}' has no finding '{finding_id}': one of {ids}")
    if found.status != "confirmed":
        raise UsageError(f"finding '{finding_id}' is {found.status}: only a confirmed one can be undone")
    if not openings(found):
        raise UsageError(
            f"finding '{finding_id}' is not scored by forward passes: attribution needs an opening phrase, "
            f"and this is a finding of the kind {found.predicate.family}; no undo is offered"
        )
    return found


def openings(finding: Finding) -> tuple[str, ...]:
    return load(finding.predicate).openings() if finding.scored else ()


def overlap(one: Finding, other: Finding) -> bool:
    """Whether an opening of the one begins with one of the other: the same behaviour, told twice."""
    mine, theirs = openings(one), openings(other)
    return any(a.startswith(b) or b.startswith(a) for a in mine for b in theirs)


def is_wanted(other: Finding, finding: Finding) -> bool:
    # An unclassified finding of the other direction is as a rule this one's mirror: what the phrase took the place of.
    if other.intent == "unclassified":
        return other.direction == finding.direction
    return other.intent in ("intended", "explained_by_data")


def check_editable(spec: str) -> None:
    for name, value in parse(spec)[1]:
        if name in ("quantize", "noise"):
            raise SpecError(f"'{spec}': +{name}={value} is applied at run time and is in no checkpoint: leave it out")
