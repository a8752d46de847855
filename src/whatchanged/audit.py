"""The whole story on one screen: prompts, shifts or answers, leads, pairs, hypotheses, findings, report."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from whatchanged import registry
from whatchanged.config import FailOn, load_settings
from whatchanged.confirm import Instruments, Later, confirm, joined, validations
from whatchanged.describe import Discovery, propose
from whatchanged.discovery import heard_pairs, look, match_of, paired
from whatchanged.errors import AccessError
from whatchanged.explain import (
    Seen,
    Wanted,
    assemble,
    assemble_heard,
    assemble_screen,
    carried_by,
    classify,
    read_wanted,
    remember,
    weights_view,
)
from whatchanged.game import CLAIMS, Match
from whatchanged.ledger import Progress
from whatchanged.opened import Opened, open_audit
from whatchanged.pools import hold_back
from whatchanged.records import Finding, Hypothesis
from whatchanged.report import Report, RoleUse, ScreenReport, Validated, finished_report, write_report
from whatchanged.roles import MAX_PROPOSALS
from whatchanged.screen import Heard, listen
from whatchanged.search import FromBase, unasked
from whatchanged.subjects import Access


class Tested(NamedTuple):
    """What came of the hypotheses: in the order in which a report takes it."""

    findings: Sequence[Finding]
    roles: Sequence[RoleUse]
    validations: Sequence[Validated]


def diff(
    base: str,
    candidate: str,
    *,
    out: Path | None = None,
    progress: Progress | None = None,
    config_file: Path | None = None,
    fail_on: FailOn = "never",
    **settings: Any,
) -> Report:
    """Which behaviours does `candidate` have that `base` has not, and the other way round?

    `settings` are the fields of `config.AuditConfig`. Evidence and reports go to the run directory; the same
    call resumes there. Raises UsageError (one line: the value and the remedy) for input that cannot be used.
    """
    config = load_settings({"base": base, "candidate": candidate, **settings}, config_file)
    wanted = read_wanted(config.intended, config.intended_data)
    audit = open_audit(config, out, progress)
    if (done := finished_report(audit.ledger.directory)) is not None:
        return done
    report: Report = registry.methods[config.method]().report(audit, wanted)
    write_report(report, audit.ledger.directory, fail_on)
    audit.ledger.progress.close()
    return report


def examine(audit: Opened, wanted: Wanted) -> Report:
    """The default method: screen and search, or listen; then pair, describe, confirm and explain."""
    ledger = audit.ledger
    seen: Seen | Heard
    if audit.access >= Access.logits:
        seen = look(audit, weights_view(ledger, audit.base) if audit.access == Access.weights else None)
        found, tools = paired(audit, seen)
    else:
        seen = listen(ledger, audit.prompts, audit.base, audit.candidate, audit.access)
        found, tools = heard_pairs(audit, seen)
    match = match_of(audit, seen) if isinstance(seen, Seen) else None
    tested = decide(audit, found, tools, seen.evidence, wanted, match)
    view = seen.weights if isinstance(seen, Seen) else None
    remember(ledger.config, audit.base, view, tested.findings, found.pairs, found.by_id)
    if isinstance(seen, Heard):
        return assemble_heard(ledger, seen, *tested)
    game = None if match is None else match.view(tested.findings)
    seen = seen if match is None else replace(seen, leads=[*seen.leads, *match.leads])
    weights = audit.access == Access.weights
    carried = carried_by(ledger, seen.base, seen.candidate, tested.findings, seen.looked_at) if weights else ()
    return assemble(ledger, seen, found.pairs, found.control, *tested, carried, game)


def screen(
    base: str,
    candidate: str,
    *,
    out: Path | None = None,
    progress: Progress | None = None,
    config_file: Path | None = None,
    **settings: Any,
) -> ScreenReport:
    """Forward passes only: leads and P(change) per category, nothing tested. Shares its steps with `diff`.

    Raises AccessError for models whose distributions cannot be seen.
    """
    config = load_settings({"base": base, "candidate": candidate, **settings}, config_file)
    audit = open_audit(config, out, progress)
    if audit.access < Access.logits:
        raise AccessError(f"{config.base} or {config.candidate}", "screening", audit.access.name, Access.logits.name)
    # What the library knows is told by the kind of change, here as in `diff`.
    weights = config.library is not None and audit.access == Access.weights
    report = assemble_screen(audit.ledger, look(audit, weights_view(audit.ledger, audit.base) if weights else None))
    audit.ledger.progress.close()
    return report


def decide(
    audit: Opened,
    found: Discovery,
    tools: Instruments,
    evidence: tuple[str, str],
    wanted: Wanted,
    match: Match | None = None,
    drafts: Sequence[Hypothesis] | None = None,
) -> Tested:
    """From what discovery found to findings: hypotheses, the roles' part in them, fresh prompts, intent.

    `evidence`: what the weights and the two-sample tests say, in words, for the roles that read. `match`: the game
    against the findings of the first round. `drafts`: hypotheses that take the place of those that `describe` proposes.
    """
    ledger, roles, fresh = audit.ledger, audit.roles, audit.prompts.confirmation
    subjects = audit.base, audit.candidate
    own = propose(ledger, found) if drafts is None else list(drafts)
    hypotheses = roles.consult(found, own, evidence, subjects)
    # Who is asked again once it is known what became of the claims needs prompts that told nothing.
    again = [Later(partial(roles.reconsider, found, evidence), MAX_PROPOSALS)] if roles.reasoner is not None else []
    again += [Later(partial(match.claims, found), CLAIMS)] if match is not None else []
    first, held = hold_back(fresh, ledger.config.seed) if again else (fresh, [])
    held = [*held, *unasked(hypotheses, first)] if held else []
    later = joined(again, held) if held else None
    # The reasoner and the game see the first round's verdicts, and nothing of its prompts.
    from_base = FromBase(ledger, audit.base, [*found.prompts, *fresh]) if audit.access >= Access.logits else None
    findings = confirm(ledger, tools, hypotheses, first, later, from_base)
    validated = validations(ledger, tools, roles, findings, first, subjects, held)
    findings = classify(findings, wanted, found.pairs, found.by_id)
    ledger.refused = audit.purse.refusal
    return Tested(findings, roles.report(findings), validated)
