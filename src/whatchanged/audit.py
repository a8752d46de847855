"""The whole story on one screen: prompts, shifts, leads, pairs, hypotheses, findings, report."""

import re
from pathlib import Path
from typing import Any

from whatchanged.config import AuditConfig, FailOn, load_settings
from whatchanged.confirm import confirm
from whatchanged.describe import propose
from whatchanged.elicit import choose_prompts, coupled_pairs, draw_responses
from whatchanged.explain import Seen, assemble, assemble_screen, classify, content_digest, read_wanted
from whatchanged.ledger import Ledger, Progress
from whatchanged.pools import Split, load_pools, split
from whatchanged.report import Report, ScreenReport, finished_report, write_report
from whatchanged.screen import find_leads, noise_floor, scan
from whatchanged.subjects import Subject, check_specs, open_subjects


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
    ledger, prompts, models = _open(config, out, progress)
    if (done := finished_report(ledger.directory)) is not None:
        return done

    seen = _look(ledger, prompts, *models)
    count = min(config.limits.pairs, ledger.tokens_left() // config.limits.response_tokens)
    control, strongest = choose_prompts([p.id for p in seen.prompts], seen.leads, count)
    pairs = coupled_pairs(ledger, seen.base, seen.candidate, *seen.select(control + strongest), "elicit")
    hypotheses = propose(ledger, seen.base, seen.prompts, seen.shifts, seen.leads, pairs, len(control))
    findings = confirm(ledger, seen.base, seen.candidate, hypotheses, seen.confirmation)
    findings = classify(findings, wanted, pairs, seen.by_id)
    report = assemble(ledger, seen, pairs, len(control), findings)

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
    """Forward passes only: leads and P(change) per category, nothing tested. Shares its steps with `diff`."""
    config = load_settings({"base": base, "candidate": candidate, **settings}, config_file)
    ledger, prompts, models = _open(config, out, progress)
    report = assemble_screen(ledger, _look(ledger, prompts, *models))
    ledger.progress.close()
    return report


def _open(
    config: AuditConfig, out: Path | None, progress: Progress | None
) -> tuple[Ledger, Split, tuple[Subject, Subject]]:
    """Run directory, pool (split once) and both models. Input is checked before anything is written or loaded."""
    check_specs([config.base, config.candidate])
    limits = config.limits
    prompts = split(load_pools(config.pool), limits.discovery_prompts, limits.confirmation_prompts, config.seed)
    ledger = Ledger(out or run_directory(config), config, progress)
    base, candidate = open_subjects([config.base, config.candidate])
    # A resumed run must be about the same content, not only about the same names.
    ledger.identify(
        base=base.fingerprint,
        candidate=candidate.fingerprint,
        prompts=[p.id for side in prompts for p in side],
        intent=content_digest(config.intended, config.intended_data),
    )
    return ledger, prompts, (base, candidate)


def _look(ledger: Ledger, prompts: Split, base: Subject, candidate: Subject) -> Seen:
    """Screen the discovery half: base responses, shifts along them, noise floor, leads."""
    length = ledger.config.limits.response_tokens
    asked = prompts.discovery[: ledger.affordable()]
    responses = draw_responses(ledger, base, asked, length, "screen")
    shifts = scan(ledger, base, candidate, asked, responses)
    noise = noise_floor(ledger, base, asked, responses)
    leads = find_leads(ledger, base, candidate, asked, responses, shifts)
    return Seen(base, candidate, asked, prompts.confirmation, responses, shifts, noise, leads, len(prompts.discovery))


def run_directory(config: AuditConfig) -> Path:
    """runs/BASE--CANDIDATE-HASH: the same settings name the same directory."""
    names = [re.sub(r"[^\w.-]+", "-", Path(spec).name)[:40].strip("-") for spec in (config.base, config.candidate)]
    return Path("runs") / f"{'--'.join(names)}-{config.digest}"
