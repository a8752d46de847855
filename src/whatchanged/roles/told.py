"""What the report says of the roles: who played each, with which prompts, and what came of it."""

from collections.abc import Mapping, Sequence

from whatchanged.endpoints import LanguageModel
from whatchanged.records import Finding
from whatchanged.report.model import RoleUse
from whatchanged.roles.text import load_prompt

EMBEDDED = {
    "reasoner": "embedded: leads and the predicate families",
    "critic": "embedded: near-duplicates merged",
    "judge": "embedded: executable predicates, and a rubric's own cue words",
}
PROMPTS = {
    "reasoner": ("differ", "rewrite", "reasoner", "repair", "choose"),
    "critic": ("critic",),
    "judge": ("judge", "reply-repair"),
    "self-report": ("self_report", "peer_report"),
}
# Single texts are put to the judge's question; other packages' validators bring prompts of their own.
VALIDATOR_PROMPTS = {name: name for name in ("discriminative", "generative", "interactive")}
# What a role's hypotheses have in front of their number; `hypotheses.AGAIN` may follow.
IDS = {"reasoner": "r", "self-report": "s"}


def role_uses(
    players: Mapping[str, str | None],
    reader: LanguageModel | None,
    validators: Sequence[str],
    did: Mapping[str, Sequence[str]],
    findings: Sequence[Finding],
) -> tuple[RoleUse, ...]:
    """`players` by role, None for the embedded default; `reader` plays in validations; `did` lines by role."""
    uses = [
        RoleUse(
            role=role,
            by=name or EMBEDDED[role],
            prompts=_versions(*PROMPTS[role]) if name else {},
            did=(*did.get(role, ()), *_hits(role, findings)),
        )
        for role, name in players.items()
    ]
    if reader is not None and validators:
        texts = _versions(*(VALIDATOR_PROMPTS.get(name, "judge") for name in validators))
        uses.append(RoleUse(role="validation", by=reader.name, prompts=texts))
    if "self-report" in did:
        lines = (*did["self-report"], *_hits("self-report", findings))
        prompts = _versions(*PROMPTS["self-report"])
        uses.append(RoleUse(role="self-report", by="both models", prompts=prompts, did=lines))
    return tuple(uses)


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
