"""How findings, leads and intents are called, the same in every view."""

from collections.abc import Sequence

from whatchanged.records import BASE, Finding, Intent, Lead
from whatchanged.report.model import FinderUse, Report, Verdict
from whatchanged.report.numbers import plural
from whatchanged.report.text import one_line

INTENTS: dict[Intent, str] = {
    "intended": "intended",
    "explained_by_data": "explained by the data",
    "side_effect": "side effect",
    "unclassified": "unclassified",
}
VERDICTS: dict[Verdict, str] = {
    "changed": "changed",
    "no_change_found": "no change found",
    "inconclusive": "inconclusive",
}


def how_measured(finding: Finding) -> str:
    """Whether the rates are exact probabilities, or come from responses; who read those, and what was missing."""
    made = f", {made_by(finding)}" if finding.finder else ""
    if finding.scored:
        return f"scored exactly from forward passes{made}"
    read = f", read by {finding.judge}" if finding.judge else ""
    missing = f", {finding.unanswered} without an answer" if finding.unanswered else ""
    return f"measured on responses{made}{read}{missing}"


def made_by(finding: Finding) -> str:
    """On whose prompts it was tested, where a finder made them; else nothing."""
    if finding.finder == BASE:
        return "on prompts that the base wrote"
    return f"on prompts that {one_line(finding.finder)} made" if finding.finder else ""


def searches(finders: Sequence[FinderUse]) -> list[str]:
    """One line a finder: what it made, what that cost, and its own word on it."""
    return [
        f"{use.name} made {plural(use.prompts, 'prompt')}"
        f"{f' in {len(use.payoffs)} calls' if len(use.payoffs) > 1 else ''}, {use.scored_tokens:,} tokens scored"
        f"{f', earned {use.mass:.1f} nats' if use.mass else ''}"
        f"{f'; {use.note}' if use.note else ''}"
        for use in finders
    ]


def predicate_words(finding: Finding) -> str:
    """The predicate as it would be called: 'phrase(where=opens, text=Sure)'."""
    args = ", ".join(f"{name}={value}" for name, value in finding.predicate.args.items())
    return f"{finding.predicate.family}({args})"


def lead_name(lead: Lead) -> str:
    """The phrase, else its strongest tokens ('less' where it only loses some), else its id."""
    if lead.phrase:
        return lead.phrase
    tokens = [item.text.strip() or repr(item.text)[1:-1] for item in (lead.gained or lead.lost)[:3]]
    if not tokens:
        return lead.id
    return ("" if lead.gained else "less ") + " / ".join(tokens)


def ranked_leads(report: Report) -> list[Lead]:
    """Largest share of the divergence first: lead L1 is the first of these in every view."""
    return sorted(report.leads, key=lambda lead: -lead.share)


def without_finding(report: Report) -> list[tuple[int, Lead]]:
    """The leads that no confirmed finding came from, with their rank from 1."""
    used = {lead_id for finding in report.confirmed for lead_id in finding.leads}
    return [(rank, lead) for rank, lead in enumerate(ranked_leads(report), 1) if lead.id not in used]
