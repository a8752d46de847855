"""The roles of one audit: who plays them, what they are asked, and what is said of them in the report."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from whatchanged import registry
from whatchanged.config import AuditConfig
from whatchanged.describe import Discovery
from whatchanged.endpoints import LanguageModel, Purse, connect, parse_endpoint
from whatchanged.errors import SpecError
from whatchanged.ledger import Ledger, json_codec
from whatchanged.predicates import load
from whatchanged.records import Cost, Direction, Finding, Hypothesis, PredicateSpec, Record, Region
from whatchanged.report.model import RoleUse
from whatchanged.report.numbers import plural
from whatchanged.roles.critic import criticise
from whatchanged.roles.evidence import EvidenceText, KnownClaim, evidence_text
from whatchanged.roles.hypotheses import Proposal, sentence, to_hypotheses
from whatchanged.roles.judge import Judge, Label, read_labels
from whatchanged.roles.reasoner import reason
from whatchanged.roles.selfreport import most_tokens, self_report
from whatchanged.roles.text import load_prompt
from whatchanged.subjects import Subject

EMBEDDED = {
    "reasoner": "embedded: leads and the predicate families",
    "critic": "embedded: near-duplicates merged",
    "judge": "embedded: executable predicates, and a rubric's own cue words",
}
PROMPTS = {
    "reasoner": ("reasoner", "repair"),
    "critic": ("critic",),
    "judge": ("judge", "reply-repair"),
    "self-report": ("self_report", "peer_report"),
}
# Single texts are put to the judge's question; other packages' validators bring prompts of their own.
VALIDATOR_PROMPTS = {name: name for name in ("discriminative", "generative", "interactive")}
DIRECTIONS: tuple[Direction, ...] = ("more", "less")
IDS = {"reasoner": "r", "self-report": "s"}


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
    """The language models that help with one audit. Each role that is absent has its embedded default."""

    ledger: Ledger
    reasoner: LanguageModel | None = None
    critic: LanguageModel | None = None
    judge: Judge | None = None
    labels: Sequence[Label] = ()
    did: dict[str, list[str]] = field(default_factory=dict)

    @property
    def validating(self) -> LanguageModel | None:
        """Who plays the reader in validations: the reasoner, else the judge."""
        return self.reasoner or (None if self.judge is None else self.judge.model)

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
            known += self._added("self-report", reported, known, found.margin)
            notes = reported.notes
        evidence = evidence_text(
            found.leads, found.pairs, found.by_id, notes, weights=seen[0], gate=seen[1], judge=self.judge is not None
        )
        if self.reasoner is not None:
            known += self._added("reasoner", self._reason(self.reasoner, evidence, known), known, found.margin)
        return self._criticised(self.critic, evidence, known) if self.critic is not None and known else known

    def report(self, findings: Sequence[Finding]) -> tuple[RoleUse, ...]:
        """Who played what, the embedded defaults included, with what came of it."""
        players = {
            "reasoner": self.reasoner and self.reasoner.name,
            "critic": self.critic and self.critic.name,
            "judge": self.judge and self.judge.model.name,
        }
        uses = [
            RoleUse(
                role=role,
                by=name or EMBEDDED[role],
                prompts=_versions(*PROMPTS[role]) if name else {},
                did=(*self.did.get(role, ()), *_hits(role, findings)),
            )
            for role, name in players.items()
        ]
        if (reader := self.validating) is not None and self.ledger.config.validators:
            texts = _versions(*(VALIDATOR_PROMPTS.get(name, "judge") for name in self.ledger.config.validators))
            uses.append(RoleUse(role="validation", by=reader.name, prompts=texts))
        if "self-report" in self.did:
            did = (*self.did["self-report"], *_hits("self-report", findings))
            uses.append(
                RoleUse(role="self-report", by="both models", prompts=_versions(*PROMPTS["self-report"]), did=did)
            )
        return tuple(uses)

    def _added(self, role: str, proposed: Proposed, known: Sequence[Hypothesis], margin: float) -> list[Hypothesis]:
        said = {h.sentence for h in known}
        new = [p for p in proposed.proposals if p.sentence not in said]
        dropped = f", {proposed.malformed} malformed and dropped" if proposed.malformed else ""
        silent = ", no reply came" if role == "reasoner" and not proposed.replies else ""
        self.did.setdefault(role, []).append(
            f"proposed {plural(len(new), 'hypothesis', 'hypotheses')}{dropped}{silent}"
        )
        return to_hypotheses(new, margin, IDS[role])

    def _self_report(self, found: Discovery, base: Subject, candidate: Subject) -> Proposed:
        def work() -> tuple[Proposed, Cost]:
            report = self_report(base, candidate, found.pairs, found.by_id, self.ledger.config.seed)
            left = Proposed(proposals=tuple(report.proposals), replies=len(report.answers), notes=report.notes())
            return left, report.usage

        proposed: Proposed = self.ledger.once("roles/self-report", PROPOSED, work)
        return proposed

    def _reason(self, model: LanguageModel, evidence: EvidenceText, known: Sequence[Hypothesis]) -> Proposed:
        def work() -> tuple[Proposed, Cost]:
            claims = [KnownClaim(h.sentence, "proposed") for h in known]
            came = reason(model, evidence, claims, self.ledger.config.seed)
            left = Proposed(proposals=tuple(came.proposals), malformed=came.malformed, replies=came.replies)
            return left, came.usage

        proposed: Proposed = self.ledger.once("roles/reasoner", PROPOSED, work)
        return proposed

    def _criticised(
        self, model: LanguageModel, evidence: EvidenceText, hypotheses: Sequence[Hypothesis]
    ) -> list[Hypothesis]:
        by_id = {h.id: h for h in hypotheses}

        def work() -> tuple[Struck, Cost]:
            came = criticise(model, hypotheses, evidence, self.ledger.config.seed)
            killed = {i: (by_id[i].sentence, why) for i, why in came.killed.items()}
            return Struck(killed=killed, malformed=came.malformed), came.usage

        struck: Struck = self.ledger.once("roles/critic", STRUCK, work)
        lines = [f"struck out {i} ({claim}): {why}" for i, (claim, why) in struck.killed.items()]
        unread = (
            [f"{struck.malformed} replies could not be read; their hypotheses were kept"] if struck.malformed else []
        )
        self.did["critic"] = [f"read {len(hypotheses)} hypotheses", *lines, *unread]
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


def _own_rubrics(config: AuditConfig) -> list[Hypothesis]:
    """Each --rubric as two hypotheses, more and less often on all prompts; an answer is judged once for both."""
    proposals = [
        Proposal(sentence=sentence(Region(), spec, way), region=Region(), predicate=spec, direction=way)
        for spec in map(_rubric_spec, config.rubric)
        for way in DIRECTIONS
    ]
    return to_hypotheses(proposals, config.margin, "q")


def _rubric_spec(rubric: str) -> PredicateSpec:
    # Its own longer words stand in where no judge can be asked: in examples.
    words = sorted(set(re.findall(r"\w{5,}", rubric)), key=rubric.index)[:8]
    return PredicateSpec(family="judged", args={"rubric": rubric, "cues": words or [rubric[:40]]})


def _versions(*names: str) -> dict[str, str]:
    texts = [load_prompt(name) for name in names]
    return {text.name: f"v{text.version} {text.hash}" for text in texts}


def _hits(role: str, findings: Sequence[Finding]) -> list[str]:
    """How many of the role's hypotheses came through: what its proposals are worth."""
    if role not in IDS:
        return []
    own = [f for f in findings if f.id.startswith(IDS[role])]
    confirmed = sum(f.status == "confirmed" for f in own)
    refuted = sum(f.status == "refuted" for f in own)
    return [f"of {len(own)} tested, {confirmed} confirmed and {refuted} refuted"] if own else []
