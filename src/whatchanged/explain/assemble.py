"""Everything the audit left, put into a Report."""

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from whatchanged.config import AuditConfig
from whatchanged.elicit import opening_gains
from whatchanged.explain.coverage import beyond_the_pool, coverage, pool_map, unchanged_bound
from whatchanged.explain.share import explained_shares, unexplained_contexts
from whatchanged.explain.verdict import IDENTICAL, met_by, summary, verdict
from whatchanged.ledger import Ledger
from whatchanged.predicates import load
from whatchanged.records import Example, Finding, Lead, Pair, Prompt, Response, Shift
from whatchanged.report.model import (
    CarriedBy,
    Claims,
    CostReport,
    Divergence,
    GameView,
    Report,
    RoleUse,
    ScreenReport,
    Validated,
    WeightsClaim,
    WeightsView,
)
from whatchanged.report.writes import told_writes
from whatchanged.screen import opening_shift
from whatchanged.search import Sought
from whatchanged.subjects import Access, Subject

EXAMPLES = 3
PACKAGES = ("whatchanged", "torch", "transformers", "peft", "numpy", "scikit-learn", "online-fdr")


@dataclass(frozen=True)
class Seen:
    """What the screen saw of two subjects: aligned prompts, responses and shifts, the noise floor, leads.

    Past the token limit prompts have no response, and their shift is that of an answer's opening. `sought` are prompts
    that finders made: no sample of the pool, so no part of what is said of the pool.
    """

    base: Subject
    candidate: Subject
    prompts: Sequence[Prompt]
    confirmation: Sequence[Prompt]
    responses: Sequence[Response]
    shifts: Sequence[Shift]
    noise: Sequence[Shift]
    leads: Sequence[Lead]
    weights: WeightsView | None = None
    sought: Sought = field(default_factory=Sought)

    @property
    def looked_at(self) -> list[Prompt]:
        """The pool's discovery prompts, then those that finders made."""
        return [*self.prompts, *self.sought.prompts]

    @property
    def followed(self) -> list[Shift]:
        """Shifts along whole answers, which come first; openings alone where no answer was drawn at all."""
        return [s for s in self.shifts if s.followed] or list(self.shifts)

    @property
    def openings(self) -> int:
        """How many prompts have no answer."""
        return sum(not s.followed for s in self.shifts)

    @property
    def evidence(self) -> tuple[str, str]:
        """What the weights show in words, and no two-sample test: for whoever reads the evidence."""
        view = self.weights
        return (f"{view.kind}: {view.evidence}{told_writes(view.writes)}" if view else ""), ""

    def access(self, config: AuditConfig) -> Access:
        """How much of both models was used: no more than --access allows."""
        return min(self.base.access, self.candidate.access, Access[config.access])

    def select(self, ids: Sequence[str]) -> tuple[list[Prompt], list[Response]]:
        """Prompts and their base responses, in the order of `ids`."""
        responses = [*self.responses, *self.sought.responses]
        rows = {p.id: (p, r) for p, r in zip(self.looked_at, responses, strict=True)}
        return [rows[i][0] for i in ids], [rows[i][1] for i in ids]

    def opening_gains(self, ledger: Ledger, phrase: str) -> NDArray[np.float64]:
        """float64[prompts looked at]: how much likelier the candidate opens with the phrase."""
        first = opening_shift([*self.shifts, *self.sought.shifts], self.base.tokenize(phrase)[0])
        made = len(self.sought.prompts)
        return opening_gains(ledger, self.base, self.candidate, self.looked_at, first, phrase, always=made)

    @property
    def by_id(self) -> dict[str, Prompt]:
        """Discovery prompts by id, those that finders made among them."""
        return {p.id: p for p in self.looked_at}


def assemble(
    ledger: Ledger,
    seen: Seen,
    pairs: Sequence[Pair],
    control: int,
    findings: Sequence[Finding],
    roles: Sequence[RoleUse] = (),
    validations: Sequence[Validated] = (),
    carried: Sequence[CarriedBy] = (),
    game: GameView | None = None,
) -> Report:
    """The report. `control` is the number of pairs, at the front of `pairs`, drawn at random."""
    by_id = seen.by_id
    shares, total, left = explained_shares(findings, seen.leads, seen.shifts, by_id)
    findings = [
        f.model_copy(update={"explained_share": round(share, 6), "examples": examples(f, pairs, by_id)})
        for f, share in zip(findings, shares, strict=True)
    ]
    stopped = ledger.out_of_budget()
    unplaced = unplaced_payloads(seen.leads, findings)
    decided = verdict(findings, stopped, unplaced)
    limits = ledger.config.limits
    return Report(
        verdict=decided,
        summary=summary(decided, findings, _looked(seen, ledger.config, findings), stopped, unplaced),
        base=ledger.config.base,
        candidate=ledger.config.candidate,
        access=seen.access(ledger.config).name,
        claims=Claims(
            weights=_weights_claim(seen, ledger.config),
            beyond_noise_floor=beyond_noise(seen.followed, seen.noise),
            behaviours=sum(f.status == "confirmed" for f in findings),
        ),
        weights=seen.weights,
        carried_by=tuple(carried),
        divergence=divergence(seen, pairs[:control]),
        findings=tuple(findings),
        leads=tuple(seen.leads),
        finders=tuple(seen.sought.finders),
        game=game,
        explained_share=round(total, 6),
        unexplained=tuple(unexplained_contexts(seen.base, seen.shifts, seen.responses, by_id, left)),
        coverage=tuple(coverage(ledger.config, seen.prompts, seen.confirmation, seen.shifts, len(findings))),
        unchanged_bound=unchanged_bound(seen.shifts, findings, by_id),
        roles=tuple(roles),
        validations=tuple(validations),
        not_looked_at=_not_looked_at(ledger, seen, findings, unplaced),
        points=tuple(pool_map(seen.shifts, seen.leads, by_id)),
        warnings=(f"stopped early by {stopped}",) if stopped else (),
        cost=cost(ledger),
        config={**ledger.config.model_dump(mode="json"), "limits": limits.model_dump()},
        versions=versions(),
        seed=ledger.config.seed,
    )


def assemble_screen(ledger: Ledger, seen: Seen) -> ScreenReport:
    """What forward passes alone show."""
    return ScreenReport(
        base=ledger.config.base,
        candidate=ledger.config.candidate,
        divergence=divergence(seen, []),
        leads=tuple(seen.leads),
        finders=tuple(seen.sought.finders),
        coverage=tuple(coverage(ledger.config, seen.prompts, seen.confirmation, seen.shifts, 1)),
        cost=cost(ledger),
        seed=ledger.config.seed,
    )


def _looked(seen: Seen, config: AuditConfig, findings: Sequence[Finding]) -> str:
    part = f" ({seen.openings} of them where an answer begins, and no further)" if seen.openings else ""
    looked = f"{len(seen.prompts)} prompts were screened{part} and {met_by(findings, len(seen.confirmation))}"
    same = _weights_claim(seen, config) == "identical" and not any(s.tv.any() for s in seen.shifts)
    return f"{IDENTICAL}; {looked}" if same else looked


def unplaced_payloads(leads: Sequence[Lead], findings: Sequence[Finding]) -> list[Lead]:
    """What log-ratio decoding read and no hypothesis was made of, the strongest first."""
    tested = {lead for f in findings for lead in f.leads}
    found = [lead for lead in leads if lead.id not in tested and lead.phrase and lead.nats is not None]
    return sorted(found, key=lambda lead: -(lead.nats or 0.0))


def examples(finding: Finding, pairs: Sequence[Pair], prompts: Mapping[str, Prompt]) -> tuple[Example, ...]:
    """Discovery pairs in the region that show the finding, or nothing."""
    return tuple(
        Example(prompt=prompts[pair.prompt_id].text, base=pair.base.text, candidate=pair.candidate.text)
        for pair in islice(showing(finding, pairs, prompts), EXAMPLES)
    )


def showing(finding: Finding, pairs: Sequence[Pair], prompts: Mapping[str, Prompt]) -> Iterator[Pair]:
    """Yield the pairs in the region that show the finding, in their order."""
    predicate = load(finding.predicate)
    sign = 1 if finding.direction == "more" else -1
    for pair in pairs:
        prompt = prompts[pair.prompt_id]
        if pair.identical or not finding.region.contains(prompt):
            continue
        change = predicate.score(pair.candidate.text, prompt) - predicate.score(pair.base.text, prompt)
        if sign * change > 0.5:
            yield pair


def divergence(seen: Seen, control: Sequence[Pair]) -> Divergence:
    """Means over prompts, beside the noise floor and the measured share of control pairs that differ."""

    def mean(values: Sequence[float]) -> float:
        return round(float(np.mean(values)), 8) if values else 0.0

    def changed(shifts: Sequence[Shift]) -> float | None:
        known = [s.p_change for s in shifts if s.followed]
        return mean(known) if known else None

    return Divergence(
        mean_tv=mean([float(s.tv.mean()) for s in seen.followed]),
        mean_kl=mean([float(s.kl_qp.mean()) for s in seen.followed]),
        p_change=changed(seen.shifts),
        noise_tv=mean([float(s.tv.mean()) for s in seen.noise]),
        noise_p_change=changed(seen.noise),
        differing_pairs=mean([float(not p.identical) for p in control]) if control else None,
        control_pairs=len(control),
    )


def beyond_noise(shifts: Sequence[Shift], noise: Sequence[Shift]) -> bool:
    """Whether more than 5% of prompts shift by more than any prompt of the noise measurement."""
    floor = max((float(s.tv.mean()) for s in noise), default=0.0)
    beyond = [float(s.tv.mean()) > floor for s in shifts]
    return sum(beyond) > 0.05 * len(beyond)


def cost(ledger: Ledger) -> CostReport:
    """Cost of all steps, with seconds per stage and this process's peak memory."""
    return CostReport(
        **ledger.cost.model_dump(),
        seconds={stage: round(seconds, 2) for stage, seconds in ledger.seconds.items()},
        peak_memory=ledger.peak_memory(),
    )


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _weights_claim(seen: Seen, config: AuditConfig) -> WeightsClaim:
    if seen.access(config) < Access.weights:
        return "not_looked_at"
    return "identical" if seen.base.weights_id == seen.candidate.weights_id else "differ"


def _not_looked_at(
    ledger: Ledger, seen: Seen, findings: Sequence[Finding], unplaced: Sequence[Lead]
) -> tuple[str, ...]:
    config = ledger.config
    tested = {lead for f in findings for lead in f.leads}
    notes = [
        f"responses beyond their first {config.limits.response_tokens} tokens",
        f"sampling at temperatures other than {config.temperature:g}",
        beyond_the_pool(seen.sought.finders),
        *([] if config.attribute else ["which weights carry the changes: --attribute looks"]),
    ]
    if seen.openings:
        notes.append(
            f"{seen.openings} of {len(seen.prompts)} discovery prompts beyond the place where an answer begins, to "
            f"stay under --max-decoded-tokens {config.max_decoded_tokens}"
        )
    notes += [
        f"“{lead.phrase}”: the candidate prefers it ({lead.nats:.0f} nats) but no pool prompt brings it out past the "
        "margin; `whatchanged rare` says how often it comes"
        for lead in unplaced
    ]
    untested = [lead.id for lead in seen.leads if lead.id not in tested and not lead.phrase and lead.share > 0.02]
    if untested:
        notes.append(f"{len(untested)} leads that formed no phrase or hypothesis: {', '.join(untested)}")
    unmeasured = [f.id for f in findings if f.n_prompts == 0]
    if unmeasured:
        notes.append(f"hypotheses with no fresh prompt or no budget left: {', '.join(unmeasured)}")
    return tuple(notes)
