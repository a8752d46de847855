"""The whole story on one screen: prompts, shifts or answers, leads, pairs, hypotheses, findings, report."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from whatchanged import registry
from whatchanged.config import AuditConfig, FailOn, load_settings
from whatchanged.confirm import Asked, Coupled, Instruments, Later, confirm, joined, validations
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
    remember,
    weights_view,
)
from whatchanged.game import CLAIMS, Match
from whatchanged.ledger import Ledger, Progress
from whatchanged.pools import Split, hold_back, left_over, load_pools, split
from whatchanged.records import Finding, Hypothesis, Prompt
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
from whatchanged.search import Evidence, FromBase, check_library, chosen, search, together
from whatchanged.subjects import Access, Subject, check_specs, open_subjects, stream_key


class Opened(NamedTuple):
    """One audit under way."""

    ledger: Ledger
    prompts: Split
    base: Subject
    candidate: Subject
    access: Access
    roles: Roles
    purse: Purse
    reserve: Sequence[Prompt] = ()


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
        seen = _look(audit, weights_view(ledger, audit.base) if audit.access == Access.weights else None)
        found, tools = _pair(audit, seen)
    else:
        seen = listen(ledger, audit.prompts, audit.base, audit.candidate, audit.access)
        found, tools = _heard(audit, seen)
    match = _match(audit, seen) if isinstance(seen, Seen) else None
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
    report = assemble_screen(audit.ledger, _look(audit, weights_view(audit.ledger, audit.base) if weights else None))
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
    first, held = hold_back(fresh, ledger.config.seed) if again else (fresh, ())
    later = joined(again, held) if held else None
    # The reasoner and the game see the first round's verdicts, and nothing of its prompts.
    from_base = FromBase(ledger, audit.base, [*found.prompts, *fresh]) if audit.access >= Access.logits else None
    findings = confirm(ledger, tools, hypotheses, first, later, from_base)
    validated = validations(ledger, tools, roles, findings, first, subjects, held)
    findings = classify(findings, wanted, found.pairs, found.by_id)
    ledger.refused = audit.purse.refusal
    return Tested(findings, roles.report(findings), validated)


def open_audit(config: AuditConfig, out: Path | None, progress: Progress | None) -> Opened:
    """Run directory, pool (split once), both models, roles. Input is checked before anything is written or loaded."""
    check_specs([config.base, config.candidate])
    chosen(config.finders)
    registry.methods[config.method]
    if config.library is not None:
        check_library(config.library)
    limits, labels = config.limits, check_roles(config)
    pool = load_pools(config.pool)
    prompts = split(pool, limits.discovery_prompts, limits.confirmation_prompts, config.seed)
    reserve = left_over(pool, prompts, config.seed)
    ledger = Ledger(out or run_directory(config), config, progress)
    # Texts can be compared whatever the tokens.
    tokens = Access[config.access] >= Access.logits
    base, candidate = open_subjects([config.base, config.candidate], check_vocabulary=tokens)
    # A resumed run must be about the same content, not only about the same names.
    ledger.identify(
        base=base.fingerprint,
        candidate=candidate.fingerprint,
        prompts=[p.id for side in prompts for p in side],
        reserve=f"{stream_key(*(p.id for p in reserve)):016x}",
        intent=content_digest(config.intended, config.intended_data, config.judge_labels),
    )
    purse = Purse(config.max_cost, ledger.directory / "max-cost-reached")
    for subject in (base, candidate):
        subject.keep(ledger.directory / "replies", purse)
    access = min(base.access, candidate.access, Access[config.access])
    if access == Access.logprobs and config.temperature != 1:
        access = Access.text  # a list that was cut cannot be tempered again
    return Opened(ledger, prompts, base, candidate, access, open_roles(ledger, purse, labels), purse, reserve)


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
    shown = asked, responses, shifts, leads, prompts.confirmation
    sought = search(Evidence(ledger, base, candidate, *shown, reserve=audit.reserve, weights=read))
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


def _match(audit: Opened, seen: Seen) -> Match | None:
    """The game on what discovery saw; None where the budget has none, or where nothing moved."""
    if not audit.ledger.config.limits.game_tokens or not any(s.tv.any() for s in seen.shifts):
        return None
    responses, shifts = [*seen.responses, *seen.sought.responses], [*seen.shifts, *seen.sought.shifts]
    shown = seen.looked_at, responses, shifts, seen.leads, seen.confirmation
    evidence = Evidence(audit.ledger, seen.base, seen.candidate, *shown, reserve=audit.reserve, weights=seen.weights)
    return Match(evidence, len(seen.prompts), seen.noise)


def _heard(audit: Opened, heard: Heard) -> tuple[Discovery, Instruments]:
    """Independent pairs are all there is."""
    found = Discovery(heard.prompts, heard.pairs, heard.control, audit.ledger.config.margin, heard.leads)
    return found, Asked(audit.ledger, audit.base, audit.candidate, audit.roles)


def run_directory(config: AuditConfig) -> Path:
    """runs/BASE--CANDIDATE-HASH: the same settings name the same directory."""
    names = [re.sub(r"[^\w.-]+", "-", Path(spec).name)[:40].strip("-") for spec in (config.base, config.candidate)]
    return Path("runs") / f"{'--'.join(names)}-{config.digest}"
