"""Language models that reason about the evidence: they propose, attack and judge; none confirms."""

from whatchanged.roles.consult import Roles, check_roles, open_roles
from whatchanged.roles.critic import Criticism, criticise
from whatchanged.roles.evidence import EvidenceText, KnownClaim, evidence_text
from whatchanged.roles.hypotheses import Proposal, to_hypotheses
from whatchanged.roles.judge import Judge, Label, calibrate, judge_pairs, read_labels
from whatchanged.roles.reasoner import MAX_PROPOSALS, Reasoned, reason
from whatchanged.roles.selfreport import SelfReport, self_report

__all__ = [
    "MAX_PROPOSALS", "Criticism", "EvidenceText", "Judge", "KnownClaim", "Label", "Proposal", "Reasoned", "Roles",
    "SelfReport", "calibrate", "check_roles", "criticise", "evidence_text", "judge_pairs", "open_roles", "read_labels",
    "reason", "self_report", "to_hypotheses",
]  # fmt: skip
