"""The roles of one audit: who plays them, what they are asked, and what is said of them in the report."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from whatchanged import registry
from whatchanged.config import AuditConfig
from whatchanged.describe import Discovery
from whatchanged.describe.propose import pair_effects
from whatchanged.endpoints import LanguageModel, Purse, connect, parse_endpoint
from whatchanged.errors import SpecError
from whatchanged.ledger import Ledger, json_codec
from whatchanged.predicates import load
from whatchanged.records import Cost, Finding, Hypothesis, PredicateSpec, Record, Status
from whatchanged.report.model import RoleUse
from whatchanged.report.numbers import plural
from whatchanged.roles.author import ReasonerAuthor
from whatchanged.roles.critic import criticise
from whatchanged.roles.evidence import EvidenceText, KnownClaim, evidence_text
from whatchanged.roles.hypotheses import AGAIN, Proposal, both_ways, to_hypotheses
from whatchanged.roles.judge import Judge, Label, read_labels
from whatchanged.roles.reasoner import reason
from whatchanged.roles.selfreport import most_tokens, self_report
from whatchanged.roles.told import IDS, role_uses
from whatchanged.subjects import Subject

# In this order claims are told to a reasoner, as far as there is room.
STATUSES: tuple[Status, ...] = ("confirmed", "inconclusive", "refuted")
# A pair shows a finding where the candidate's value exceeds the base's by more.
SHOWN = 0.5


class Proposed(Record):
    """What a source of hypotheses left: claims to test, entries that could not be read, and notes for a reasoner."""

    proposals: tuple[Proposal, ...] = ()
    malformed: int = 0
    replies: int = 0
    notes: tuple[str, ...] = ()


class Struck(Record):
    """What the critic left: sentence and reason of each hypothesis struck out, by its id."""

    killed: dict[str, tuple[str, str]]
    malformed: int = 0


PROPOSED, STRUCK = json_codec(Proposed), json_codec(Struck)


@dataclass
class Roles:
    """The language models that help with one audit. Each role that is absent has its embedded default.

    `did` are lines by role for the report, `struck` the sentences that the critic struck out, `again` the ids of
    hypotheses of the second round.
    """

    ledger: Ledger
    reasoner: LanguageModel | None = None
    critic: LanguageModel | None = None
    judge: Judge | None = None
    labels: Sequence[Label] = ()
    did: dict[str, list[str]] = field(default_factory=dict)
    struck: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)

    @property
    def validating(self) -> LanguageModel | None:
        """Who plays the reader in validations: the reasoner, else the judge."""
        return self.reasoner or (None if self.judge is None else self.judge.model)

    @property
    def author(self) -> ReasonerAuthor | None:
        """Who writes prompts for the search; None without a reasoner."""
        return None if self.reasoner is None else ReasonerAuthor(self.reasoner, self.ledger.config.seed)

    def consult(
        self,
        found: Discovery,
        hypotheses: Sequence[Hypothesis],
        seen: tuple[str, str] = ("", ""),
        subjects: tuple[Subject, Subject] | None = None,
    ) -> list[Hypothesis]:
        """The hypotheses with those of rubrics, self-report and reasoner, without those that the critic strikes out.

        `seen`: what the weights show and what two-sample tests say, in words.
        """
        notes: tuple[str, ...] = ()
        known = [*hypotheses, *_own_rubrics(self.ledger.config)]
        if self.ledger.config.self_report and self.ledger.tokens_left() < most_tokens():
            self.did["self-report"] = [
                f"left out, to stay under --max-decoded-tokens {self.ledger.config.max_decoded_tokens}"
            ]
        elif self.ledger.config.self_report and subjects is not None:
            reported = self._self_report(found, *subjects)
            known += self._added("self-report", reported, _sentences(known), found.margin)
            notes = reported.notes
        evidence = evidence_text(
            found.leads, found.pairs, found.by_id, notes, weights=seen[0], gate=seen[1], judge=self.judge is not None
        )
        if self.reasoner is not None:
            claims = [KnownClaim(h.sentence, "proposed") for h in known]
            proposed = self._reason(self.reasoner, evidence, claims)
            known += self._added("reasoner", proposed, _sentences(known), found.margin)
        return self._criticised(self.critic, evidence, known) if self.critic is not None and known else known

    def reconsider(self, found: Discovery, seen: tuple[str, str], findings: Sequence[Finding]) -> list[Hypothesis]:
        """Further hypotheses of the reasoner, 8 at most, once it is told what became of all claims so far; the critic
        reads them as well. It sees the pairs that no confirmed finding accounts for. [] without a reasoner.
        """
        if self.reasoner is None:
            return []
        told = sorted(findings, key=lambda f: (STATUSES.index(f.status), -abs(f.effect)))
        known = [KnownClaim(f.sentence, f.status, f.effect) for f in told]
        known += [KnownClaim(claim, "struck out") for claim in self.struck]
        evidence = evidence_text(
            found.leads,
            found.pairs,
            found.by_id,
            weights=seen[0],
            gate=seen[1],
            judge=self.judge is not None,
            explained=_accounted_for(found, findings),
        )
        said = [claim.sentence for claim in known]
        proposed = self._reason(self.reasoner, evidence, known, again=True)
        new = self._added("reasoner", proposed, said, found.margin, again=True)
        self.again += [h.id for h in new]
        return self._criticised(self.critic, evidence, new, said, again=True) if self.critic and new else new

    def report(self, findings: Sequence[Finding]) -> tuple[RoleUse, ...]:
        """Who played what, the embedded defaults included, with what came of it."""
        judge = None if self.judge is None else self.judge.model
        players = {"reasoner": self.reasoner, "critic": self.critic, "judge": judge}
        names = {role: None if model is None else model.name for role, model in players.items()}
        return role_uses(names, self.validating, self.ledger.config.validators, self.did, findings)

    def _added(
        self, role: str, proposed: Proposed, said: Collection[str], margin: float, again: bool = False
    ) -> list[Hypothesis]:
        """What the role proposed as hypotheses, without what others `said` before."""
        new = [p for p in proposed.proposals if p.sentence not in said]
        dropped = f", {proposed.malformed} malformed and dropped" if proposed.malformed else ""
        silent = ", no reply came" if role == "reasoner" and not proposed.replies else ""
        when = " after the first round" if again else ""
        self.did.setdefault(role, []).append(
            f"proposed {plural(len(new), 'hypothesis', 'hypotheses')}{when}{dropped}{silent}"
        )
        return to_hypotheses(new, margin, IDS[role] + (AGAIN if again else ""))

    def _self_report(self, found: Discovery, base: Subject, candidate: Subject) -> Proposed:
        def work() -> tuple[Proposed, Cost]:
            report = self_report(base, candidate, found.pairs, found.by_id, self.ledger.config.seed)
            left = Proposed(proposals=tuple(report.proposals), replies=len(report.answers), notes=report.notes())
            return left, report.usage

        proposed: Proposed = self.ledger.once("roles/self-report", PROPOSED, work)
        return proposed

    def _reason(
        self, model: LanguageModel, evidence: EvidenceText, known: Sequence[KnownClaim], again: bool = False
    ) -> Proposed:
        def work() -> tuple[Proposed, Cost]:
            came = reason(model, evidence, known, self.ledger.config.seed)
            left = Proposed(proposals=tuple(came.proposals), malformed=came.malformed, replies=came.replies)
            return left, came.usage

        proposed: Proposed = self.ledger.once(f"roles/reasoner{'-again' if again else ''}", PROPOSED, work)
        return proposed

    def _criticised(
        self,
        model: LanguageModel,
        evidence: EvidenceText,
        hypotheses: Sequence[Hypothesis],
        earlier: Sequence[str] = (),
        again: bool = False,
    ) -> list[Hypothesis]:
        by_id = {h.id: h for h in hypotheses}

        def work() -> tuple[Struck, Cost]:
            came = criticise(model, hypotheses, evidence, self.ledger.config.seed, earlier)
            killed = {i: (by_id[i].sentence, why) for i, why in came.killed.items()}
            return Struck(killed=killed, malformed=came.malformed), came.usage

        struck: Struck = self.ledger.once(f"roles/critic{'-again' if again else ''}", STRUCK, work)
        lines = [f"struck out {i} ({claim}): {why}" for i, (claim, why) in struck.killed.items()]
        unread = (
            [f"{struck.malformed} replies could not be read; their hypotheses were kept"] if struck.malformed else []
        )
        self.did.setdefault("critic", []).extend([f"read {len(hypotheses)} hypotheses", *lines, *unread])
        self.struck += [claim for claim, _ in struck.killed.values()]
        return [h for h in hypotheses if h.id not in struck.killed]


def open_roles(ledger: Ledger, purse: Purse, labels: Sequence[Label]) -> Roles:
    """The roles that the settings name; their replies are kept in the run directory. Raises EndpointError."""
    config = ledger.config
    store = ledger.directory / "replies"

    def player(spec: str) -> LanguageModel:
        return connect(spec, store, purse)

    return Roles(
        ledger,
        reasoner=None if config.reasoner is None else player(config.reasoner),
        critic=None if config.critic is None else player(config.critic),
        judge=None if config.judge is None else Judge(player(config.judge), config.seed),
        labels=labels,
    )


def check_roles(config: AuditConfig) -> list[Label]:
    """The judge's calibration set, [] without one, after a look at everything that roles are given.

    Raises UsageError, one line, before anything is written or loaded.
    """
    for spec in (config.reasoner, config.critic, config.judge):
        if spec is not None:
            parse_endpoint(spec)
    for name in config.validators:
        registry.validators[name]
    if config.validators and config.reasoner is None and config.judge is None:
        raise SpecError(f"--validators {config.validators[0]}: needs a language model, --reasoner or --judge")
    if config.rubric and config.judge is None:
        raise SpecError(f"--rubric {config.rubric[0]!r}: there is nobody to read it; add --judge")
    for rubric in config.rubric:
        load(_rubric_spec(rubric))
    if config.judge_labels is not None and config.judge is None:
        raise SpecError(f"--judge-labels {config.judge_labels}: there is no judge to calibrate; add --judge")
    return [] if config.judge_labels is None else read_labels(config.judge_labels)


def _sentences(hypotheses: Sequence[Hypothesis]) -> set[str]:
    return {h.sentence for h in hypotheses}


def _accounted_for(found: Discovery, findings: Sequence[Finding]) -> frozenset[str]:
    """Ids of prompts of which a pair shows what a confirmed finding says."""
    ids = set()
    for finding in (f for f in findings if f.status == "confirmed"):
        sign = 1 if finding.direction == "more" else -1
        effects = sign * pair_effects(load(finding.predicate), found.pairs, found.by_id)
        ids |= {
            pair.prompt_id
            for pair, effect in zip(found.pairs, effects.tolist(), strict=True)
            if effect > SHOWN and finding.region.contains(found.by_id[pair.prompt_id])
        }
    return frozenset(ids)


def _own_rubrics(config: AuditConfig) -> list[Hypothesis]:
    """Each --rubric as two hypotheses, more and less often on all prompts; an answer is judged once for both."""
    return to_hypotheses(both_ways([_rubric_spec(rubric) for rubric in config.rubric]), config.margin, "q")


def _rubric_spec(rubric: str) -> PredicateSpec:
    # Its own longer words stand in where no judge can be asked: in examples.
    words = sorted(set(re.findall(r"\w{5,}", rubric)), key=rubric.index)[:8]
    return PredicateSpec(family="judged", args={"rubric": rubric, "cues": words or [rubric[:40]]})
