"""The report of two models that were only asked, or whose answers were only recorded: no distribution was seen."""

from collections.abc import Sequence

from whatchanged.explain.assemble import cost, examples, versions
from whatchanged.explain.coverage import coverage
from whatchanged.explain.verdict import met_by, summary, verdict
from whatchanged.ledger import Ledger
from whatchanged.records import Finding
from whatchanged.report.model import Claims, Gate, Report, RoleUse, Validated
from whatchanged.screen import Heard


def assemble_heard(
    ledger: Ledger,
    heard: Heard,
    findings: Sequence[Finding],
    roles: Sequence[RoleUse] = (),
    validations: Sequence[Validated] = (),
) -> Report:
    """The report. What needs distributions (divergence, P(change), explained share) is None: not seen, not zero."""
    findings = [f.model_copy(update={"examples": examples(f, heard.pairs, heard.by_id)}) for f in findings]
    stopped = ledger.out_of_budget() or heard.cut
    decided = verdict(findings, stopped)
    looked = f"{len({p.prompt_id for p in heard.pairs})} prompts were compared and " + met_by(
        findings, len(heard.confirmation)
    )
    config = ledger.config
    return Report(
        verdict=decided,
        summary=summary(decided, findings, looked, stopped),
        base=config.base,
        candidate=config.candidate,
        claims=Claims(
            weights="not_looked_at",
            beyond_noise_floor=passed(heard.gates, config.alpha),
            behaviours=sum(f.status == "confirmed" for f in findings),
        ),
        access=heard.access,
        gates=tuple(heard.gates),
        findings=tuple(findings),
        leads=tuple(heard.leads),
        coverage=tuple(coverage(config, heard.prompts, heard.confirmation, (), len(findings))),
        roles=tuple(roles),
        validations=tuple(validations),
        not_looked_at=(*heard.limits, *_left_out(heard, findings)),
        warnings=(*heard.warnings, *([f"stopped early by {stopped}"] if stopped else [])),
        cost=cost(ledger),
        config={**config.model_dump(mode="json"), "limits": config.limits.model_dump()},
        versions=versions(),
        seed=config.seed,
    )


def passed(gates: Sequence[Gate], alpha: float) -> bool | None:
    """Whether any two-sample test says that the answers differ, Bonferroni over the tests; None without a test."""
    return min(g.p_value for g in gates) * len(gates) <= alpha if gates else None


def _left_out(heard: Heard, findings: Sequence[Finding]) -> list[str]:
    notes = [heard.unseen]
    unmeasured = [f.id for f in findings if f.n_prompts == 0]
    if unmeasured:
        notes.append(f"hypotheses with no fresh prompt or no budget left: {', '.join(unmeasured)}")
    return notes
