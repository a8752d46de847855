"""The report on a terminal: the verdict first, then only what a reader acts on."""

from typing import TYPE_CHECKING

from whatchanged.records import Finding, LabelledEstimate, Lead
from whatchanged.report.labels import INTENTS, lead_name, made_by, searches, without_finding
from whatchanged.report.model import Report
from whatchanged.report.numbers import duration, memory, percent, plural, rate
from whatchanged.report.payoffs import payoff_sentence
from whatchanged.report.rounds import game_found, game_sentence
from whatchanged.report.text import one_line
from whatchanged.report.writes import write_line

if TYPE_CHECKING:
    from rich.console import Console

_VERDICT_STYLE = {"changed": "bold red", "no_change_found": "bold green", "inconclusive": "bold yellow"}
_INTENT_STYLE = {
    "intended": "green",
    "explained_by_data": "cyan",
    "side_effect": "bold red",
    "unclassified": "yellow",
}
_MOST_LEADS = 6
_MOST_WRITES = 3
_MOST_FINDS = 3


def print_report(report: Report, console: "Console") -> None:
    """Print to `console`. Nothing a model wrote is read as markup, and its control characters are dropped."""
    _say(console, one_line(report.summary, 2000), _VERDICT_STYLE[report.verdict])
    for warning in report.warnings:
        _say(console, f"warning: {one_line(warning, 400)}", "yellow")
    _print_findings(report, console)
    _print_leads(report, console)
    _print_weights(report, console)
    _print_game(report, console)
    _print_coverage(report, console)
    _print_roles(report, console)
    _print_cost(report, console)


def _say(console: "Console", line: str, style: str = "", indent: int = 0) -> None:
    from rich.padding import Padding
    from rich.text import Text

    text = Text(line, style=style)
    # Where no person looks at it (a pipe, a log), one statement stays one line.
    if console.is_terminal:
        console.print(Padding(text, (0, 0, 0, indent), expand=False))
    else:
        console.print(Text(" " * indent).append_text(text), soft_wrap=True)


def _print_findings(report: Report, console: "Console") -> None:
    for number, finding in enumerate(report.confirmed, 1):
        if number == 1:
            _say(console, "\nFindings", "bold")
        _say(console, f"{number}. {one_line(finding.sentence, 400)}", indent=1)
        _say(console, _numbers(finding, report.access), _INTENT_STYLE[finding.intent], indent=4)
        if finding.labelled is not None:
            _say(console, _by_labels(finding.labelled, finding.confidence), indent=4)
        if finding.intent_reason:
            _say(console, one_line(finding.intent_reason), "dim", indent=4)
    tested = [finding.status for finding in report.findings]
    refuted, undecided = tested.count("refuted"), tested.count("inconclusive")
    if refuted or undecided:
        _say(console, f"\nTested and not established: {refuted} refuted, {undecided} inconclusive.")


def _numbers(f: Finding, access: str) -> str:
    level = f"{100 * f.confidence:.4g}%"
    how = "scored" if f.scored else "judged" if f.judge else "recorded" if access == "recorded" else "sampled"
    return (
        f"effect {f.effect:+.3f} [{f.ci_low:+.3f}, {f.ci_high:+.3f}] at {level}, "
        f"{'verdicts where answers differ' if f.judge else 'rate'} {f.rate_base:.3g} -> {f.rate_candidate:.3g}, "
        f"{INTENTS[f.intent]}, "
        f"e = {f.e_value:.2g}, {'' if f.p_value is None else f'p = {f.p_value:.2g}, '}"
        f"n = {f.n_prompts} {how} {made_by(f)}".rstrip()
    )


def _by_labels(e: LabelledEstimate, confidence: float) -> str:
    return (
        f"by human labels on {plural(e.n_labelled, 'prompt')}: effect {e.effect:+.3f} [{e.lower:+.3f}, {e.upper:+.3f}] "
        f"at {100 * confidence:.4g}%, {e.method}, if the labelled were chosen at random"
    )


def _print_leads(report: Report, console: "Console") -> None:
    leads = without_finding(report)
    if not leads:
        return
    _say(console, "\nLeads that gave no finding", "bold")
    # What may be hidden comes first: payloads, whose share of the pool's divergence is naught.
    for rank, lead in sorted(leads, key=lambda ranked: -(ranked[1].nats or 0.0))[:_MOST_LEADS]:
        _say(console, f"L{rank} {_lead_line(lead)}", indent=1)
    if len(leads) > _MOST_LEADS:
        _say(console, f"and {len(leads) - _MOST_LEADS} more", indent=1)


def _lead_line(lead: Lead) -> str:
    nats = "" if lead.nats is None else f", {lead.nats:+.0f} nats"
    note = f" ({one_line(lead.note, 80)})" if lead.note else ""
    share = f" {percent(lead.share)} of the divergence" if lead.share else ""
    return f"'{one_line(lead_name(lead), 60)}'{share}{nats}{note}"


def _print_weights(report: Report, console: "Console") -> None:
    view = report.weights
    if view is not None and view.kind != "identical":
        sure = "" if view.kind == "unknown" else f" ({view.confidence})"
        _say(console, "\nWeights", "bold")
        _say(console, one_line(f"{view.kind}{sure}: {view.evidence}", 440), indent=1)
        for reading in view.writes[:_MOST_WRITES]:
            _say(console, one_line(write_line(reading)), indent=1)
    for trace in report.carried_by:
        told = trace.sentence or f"not traced: {trace.reason}"
        _say(console, one_line(f"{trace.finding}: {told}", 440), indent=1)


def _print_game(report: Report, console: "Console") -> None:
    if report.game is None:
        return
    _say(console, "\nThe game", "bold")
    _say(console, one_line(f"{game_sentence(report.game)} {game_found(report)}", 600), indent=1)
    for find in report.game.finds[:_MOST_FINDS]:
        gained = " / ".join(repr(text)[1:-1] for text in find.gained)
        _say(console, one_line(f"Unforeseen: {one_line(find.prompt, 100)} gains {gained}", 240), indent=1)


def _print_coverage(report: Report, console: "Console") -> None:
    discovery = sum(row.discovery_prompts for row in report.coverage)
    confirmation = sum(row.confirmation_prompts for row in report.coverage)
    categories = plural(len(report.coverage), "category", "categories")
    _say(console, "\nCoverage", "bold")
    looked = f"{categories}: {discovery:,} discovery and {confirmation:,} confirmation prompts."
    _say(console, looked if report.coverage else "No category of the pool was covered.", indent=1)
    if report.unchanged_bound is not None:
        bound = f"Outside all findings at most {percent(report.unchanged_bound)} of the pool has P(change) > 0.5"
        explained = f"; the findings explain {percent(report.explained_share)} of the divergence."
        _say(console, f"{bound} (95% bound)" + (explained if report.confirmed else "."), indent=1)
    for line in searches(report.finders):
        _say(console, f"Beyond the pool: {one_line(line, 300)}", indent=1)
    if spent := payoff_sentence(report.finders):
        _say(console, f"The search's budget: {one_line(spent, 300)}", indent=1)
    for gate in report.gates:
        _say(console, f"{gate.test}: p = {rate(gate.p_value)} on {plural(gate.prompts, 'prompt')}.", indent=1)
    if report.not_looked_at:
        _say(console, "Not looked at: " + "; ".join(one_line(x, 80) for x in report.not_looked_at), indent=1)


def _print_roles(report: Report, console: "Console") -> None:
    # The embedded defaults need no line here; report.html and report.json name them.
    helpers = [use for use in report.roles if use.prompts]
    if helpers:
        _say(console, "\nHelpers", "bold")
    for use in helpers:
        did = f": {'; '.join(one_line(line, 120) for line in use.did)}" if use.did else ""
        _say(console, f"{use.role} {one_line(use.by, 80)}{did}", indent=1)
    for row in report.validations:
        _say(
            console,
            f"{row.finding} put to {row.validator}: mean {row.mean:+.2f} over {plural(row.trials, 'trial')}, "
            f"{row.missing} unreadable, e = {row.e_value:.2g}, {plural(row.calls, 'call')} {row.note}".rstrip(),
            indent=1,
        )


def _print_cost(report: Report, console: "Console") -> None:
    cost = report.cost
    scored, decoded = cost.scored_tokens, cost.decoded_tokens
    calls = plural(cost.judge_calls, "judge call")
    if cost.calls:
        calls += f", {plural(cost.calls, 'other call')} to language models"
    if cost.usd:
        calls += f", {cost.usd:.2f} US dollars"
    _say(console, "\nCost", "bold")
    line = (
        f"scored {scored.base + scored.candidate:,} tokens, decoded {decoded.base + decoded.candidate:,}, "
        f"reused {scored.reused + decoded.reused:,}; {calls}; "
        f"{duration(sum(cost.seconds.values()))}; peak memory {memory(cost.peak_memory)}"
    )
    _say(console, line, indent=1)
