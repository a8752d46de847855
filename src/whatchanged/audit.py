"""The whole story on one screen: prompts, shifts or answers, leads, pairs, hypotheses, findings, report."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from whatchanged.config import AuditConfig, FailOn, load_settings
from whatchanged.confirm import Asked, Coupled, Instruments, Later, confirm, validations
from whatchanged.describe import Discovery, propose
from whatchanged.elicit import choose_prompts, coupled_pairs, draw_responses
from whatchanged.endpoints import Purse
from whatchanged.errors import AccessError
from whatchanged.explain import (
    Seen,
    Wanted,
    assemble,
    assemble_heard,
    assemble_screen,
    carried_by,
    classify,
    content_digest,
    read_wanted,
    weights_view,
)
from whatchanged.ledger import Ledger, Progress
from whatchanged.pools import Split, hold_back, load_pools, split
from whatchanged.records import Finding
from whatchanged.report import (
    Report,
    RoleUse,
    ScreenReport,
    Validated,
    WeightsView,
    finished_report,
    write_report,
)
from whatchanged.roles import MAX_PROPOSALS, Roles, check_roles, open_roles
from whatchanged.screen import Heard, find_leads, listen, noise_floor, scan
from whatchanged.search import Evidence, chosen, search, together
from whatchanged.subjects import Access, Subject, check_specs, open_subjects


class Opened(NamedTuple):
    """One audit under way."""

    ledger: Ledger
    prompts: Split
    base: Subject
    candidate: Subject
    access: Access
    roles: Roles
    purse: Purse


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
    audit = _open(config, out, progress)
    ledger = audit.ledger
    if (done := finished_report(ledger.directory)) is not None:
        return done

    seen: Seen | Heard
    if audit.access >= Access.logits:
        seen = _look(audit, weights_view(ledger, audit.base) if audit.access == Access.weights else None)
        found, tools = _pair(audit, seen)
    else:
        seen = listen(ledger, audit.prompts, audit.base, audit.candidate, audit.access)
        found, tools = _heard(audit, seen)
    tested = decide(audit, found, tools, seen.evidence, wanted)
    if isinstance(seen, Seen):
        weights = audit.access == Access.weights
        carried = carried_by(ledger, seen.base, seen.candidate, tested.findings, seen.looked_at) if weights else ()
        report = assemble(ledger, seen, found.pairs, found.control, *tested, carried)
    else:
        report = assemble_heard(ledger, seen, *tested)

    write_report(report, ledger.directory, fail_on)
    ledger.progress.close()
    return report


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
    audit = _open(config, out, progress)
    if audit.access < Access.logits:
        raise AccessError(f"{config.base} or {config.candidate}", "screening", audit.access.name, Access.logits.name)
    report = assemble_screen(audit.ledger, _look(audit))
    audit.ledger.progress.close()
    return report


def decide(audit: Opened, found: Discovery, tools: Instruments, evidence: tuple[str, str], wanted: Wanted) -> Tested:
    """From what discovery found to findings: hypotheses, the roles' part in them, fresh prompts, intent.

    `evidence`: what the weights and the two-sample tests say, in words, for the roles that read.
    """
    ledger, roles, fresh = audit.ledger, audit.roles, audit.prompts.confirmation
    subjects = audit.base, audit.candidate
    hypotheses = roles.consult(found, propose(ledger, found), evidence, subjects)
    # A reasoner is asked again once it knows what became of the claims, so it needs prompts that told it nothing.
    first, held = hold_back(fresh, ledger.config.seed) if roles.reasoner is not None else (fresh, ())
    later = Later(partial(roles.reconsider, found, evidence), MAX_PROPOSALS, held) if held else None
    findings = confirm(ledger, tools, hypotheses, first, later)
    validated = validations(ledger, tools, roles, findings, first, subjects, held)
    findings = classify(findings, wanted, found.pairs, found.by_id)
    ledger.refused = audit.purse.refusal
    return Tested(findings, roles.report(findings), validated)


def _open(config: AuditConfig, out: Path | None, progress: Progress | None) -> Opened:
    """Run directory, pool (split once), both models, roles. Input is checked before anything is written or loaded."""
    check_specs([config.base, config.candidate])
    chosen(config.finders)
    limits, labels = config.limits, check_roles(config)
    prompts = split(load_pools(config.pool), limits.discovery_prompts, limits.confirmation_prompts, config.seed)
    ledger = Ledger(out or run_directory(config), config, progress)
    # Texts can be compared whatever the tokens.
    tokens = Access[config.access] >= Access.logits
    base, candidate = open_subjects([config.base, config.candidate], check_vocabulary=tokens)
    # A resumed run must be about the same content, not only about the same names.
    ledger.identify(
        base=base.fingerprint,
        candidate=candidate.fingerprint,
        prompts=[p.id for side in prompts for p in side],
        intent=content_digest(config.intended, config.intended_data, config.judge_labels),
    )
    purse = Purse(config.max_cost, ledger.directory / "max-cost-reached")
    for subject in (base, candidate):
        subject.keep(ledger.directory / "replies", purse)
    access = min(base.access, candidate.access, Access[config.access])
    if access == Access.logprobs and config.temperature != 1:
        access = Access.text  # a list that was cut cannot be tempered again
    return Opened(ledger, prompts, base, candidate, access, open_roles(ledger, purse, labels), purse)


def _look(audit: Opened, read: WeightsView | None = None) -> Seen:
    """Screen the discovery half: base responses, shifts along them, noise floor, leads. `read`: what weights show."""
    ledger, prompts, base, candidate = audit[:4]
    length = ledger.config.limits.response_tokens
    asked = prompts.discovery[: ledger.affordable()]
    responses = draw_responses(ledger, base, asked, length, "screen")
    shifts = scan(ledger, base, candidate, asked, responses)
    noise = noise_floor(ledger, base, asked, responses)
    leads = find_leads(ledger, base, candidate, asked, responses, shifts)
    every = len(prompts.discovery)
    seen = Seen(base, candidate, asked, prompts.confirmation, responses, shifts, noise, leads, every, read)
    sought = search(Evidence(ledger, base, candidate, asked, responses, shifts, leads, prompts.confirmation))
    return replace(seen, sought=sought, leads=together(leads, sought))


def _pair(audit: Opened, seen: Seen) -> tuple[Discovery, Instruments]:
    """Coupled pairs, half of them at random and half where leads are strong."""
    ledger, limits = audit.ledger, audit.ledger.config.limits
    count = min(limits.pairs, ledger.tokens_left() // limits.response_tokens)
    control, strongest = choose_prompts([p.id for p in seen.prompts], seen.leads, count)
    pairs = coupled_pairs(ledger, seen.base, seen.candidate, *seen.select(control + strongest), "elicit")
    found = Discovery(
        seen.looked_at, pairs, len(control), ledger.config.margin, seen.leads,
        partial(seen.opening_gains, ledger),
        made=len(seen.sought.prompts),
    )  # fmt: skip
    return found, Coupled(ledger, seen.base, seen.candidate, audit.roles)


def _heard(audit: Opened, heard: Heard) -> tuple[Discovery, Instruments]:
    """Independent pairs are all there is."""
    found = Discovery(heard.prompts, heard.pairs, heard.control, audit.ledger.config.margin, heard.leads)
    return found, Asked(audit.ledger, audit.base, audit.candidate, audit.roles)


def run_directory(config: AuditConfig) -> Path:
    """runs/BASE--CANDIDATE-HASH: the same settings name the same directory."""
    names = [re.sub(r"[^\w.-]+", "-", Path(spec).name)[:40].strip("-") for spec in (config.base, config.candidate)]
    return Path("runs") / f"{'--'.join(names)}-{config.digest}"
