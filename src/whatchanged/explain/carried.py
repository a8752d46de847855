"""Which weights carry the confirmed findings: path attribution and grafts, one step a finding."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from whatchanged.errors import AccessError, UsageError
from whatchanged.ledger import Ledger, json_codec
from whatchanged.predicates import load
from whatchanged.records import Attribution, Carriers, Cost, Finding, GraftCurve, Prompt, Record
from whatchanged.report.model import CarriedBy
from whatchanged.subjects import Subject

if TYPE_CHECKING:
    from whatchanged.explain.change import Change

MOST_FINDINGS = 3
SHOWN = 12


class Traced(Record):
    """What was found of one finding; `reason` says why nothing was."""

    attribution: Attribution | None = None
    carriers: Carriers | None = None
    curve: GraftCurve | None = None
    reason: str = ""


TRACED = json_codec(Traced)


def carried_by(
    ledger: Ledger, base: Subject, candidate: Subject, findings: Sequence[Finding], prompts: Sequence[Prompt]
) -> list[CarriedBy]:
    """The confirmed scored findings traced to tensors, the largest effects first, on discovery prompts.

    Nothing without --attribute. A finding that cannot be traced is returned with the reason.
    """
    if not ledger.config.attribute:
        return []
    scored = [f for f in findings if f.status == "confirmed" and load(f.predicate).openings()]
    scored = sorted(scored, key=lambda f: -abs(f.effect))[:MOST_FINDINGS]
    copies: list[Change] = []
    views = []
    for finding in ledger.progress.track("explain: findings traced to weights", scored):
        work = partial(_trace, ledger, base, candidate, copies, finding, prompts)
        views.append(_view(finding, ledger.once(f"explain/carried-{finding.id}", TRACED, work)))
    return views


def _trace(
    ledger: Ledger,
    base: Subject,
    candidate: Subject,
    copies: "list[Change]",
    finding: Finding,
    prompts: Sequence[Prompt],
) -> tuple[Traced, Cost]:
    from whatchanged.explain.attribute import attribution
    from whatchanged.explain.change import Change
    from whatchanged.explain.graft import carriers, grafting_curve
    from whatchanged.explain.score import Score

    inside = [p for p in prompts if finding.region.contains(p)]
    outside = [p for p in prompts if not finding.region.contains(p)]
    if not inside:
        return Traced(reason="no discovery prompt lies in its region"), Cost()
    try:
        # One private float32 copy of the base serves all findings.
        if not copies:
            copies.append(Change(base, candidate))
        score = Score(copies[0], inside, load(finding.predicate).openings(), ledger.config.temperature)
        found = attribution(copies[0], score)
        held = carriers(copies[0], score, found, outside)
        curve = grafting_curve(copies[0], score, found, seed=ledger.config.seed)
    except (UsageError, AccessError) as error:
        return Traced(reason=str(error)), Cost()
    return Traced(attribution=found, carriers=held, curve=curve), Cost()


def _view(finding: Finding, traced: Traced) -> CarriedBy:
    found, held, curve = traced.attribution, traced.carriers, traced.curve
    if found is None or held is None or curve is None:
        return CarriedBy(finding=finding.id, reason=traced.reason)
    effect = found.score_candidate - found.score_base
    return CarriedBy(
        finding=finding.id,
        sentence=_sentence(held),
        completeness=round(found.completeness, 4),
        prompts=found.prompts,
        modules=tuple((m.name, round(m.share / effect, 4) if effect else 0.0) for m in found.modules[:SHOWN]),
        layers=tuple((g.name, round(g.share / effect, 4) if effect else 0.0) for g in found.layers[:SHOWN]),
        curve=curve,
    )


def _sentence(held: Carriers) -> str:
    """How few tensors are enough, in words."""
    parts = [
        f"{held.grafting.count} of {held.grafting.of} changed tensors, put into the base, give "
        f"{held.grafting.share:.0%} of the effect",
        f"taking {held.removing.count} out of the candidate ends {held.removing.share:.0%} of it",
    ]
    if held.directions is not None:
        parts.append(f"so do {held.directions.count} of their singular directions ({held.directions.share:.0%})")
    if held.elsewhere_moved is not None:
        parts.append(f"elsewhere that moves first tokens by {held.elsewhere_moved:.3f} (total variation)")
    return "; ".join(parts) + "."
