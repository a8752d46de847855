"""The reasoner: a language model that reads the evidence and proposes hypotheses. It confirms none."""

import json
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from whatchanged.endpoints import Ask, LanguageModel, Reply
from whatchanged.errors import SpecError
from whatchanged.records import Cost, Message
from whatchanged.roles.choice import MOST_CHOSEN, choices, chosen, numbered
from whatchanged.roles.evidence import EvidenceText, KnownClaim, fitting
from whatchanged.roles.hypotheses import Proposal
from whatchanged.roles.menu import family_menu, structure_names
from whatchanged.roles.text import PromptText, fence, load_prompt
from whatchanged.roles.written import entries, proposal

MAX_PROPOSALS = 8
# Characters of the whole question, about 2,500 tokens: what a small model can hold, and reads in a minute or two.
MAX_PROMPT = 9_000
LEAST_EVIDENCE = 2_000
MAX_KNOWN = 1_200
MAX_TAGS = 400
MAX_FENCE = 4000


class Reasoned(NamedTuple):
    """What came of asking: proposals, entries dropped as malformed, replies that came, and what they cost."""

    proposals: list[Proposal]
    malformed: int
    replies: int
    usage: Cost


class _Refused(NamedTuple):
    entry: object
    reason: str


class _Read(NamedTuple):
    """A reply taken apart. Where it has no list of entries, the reply itself is the one thing refused."""

    accepted: list[Proposal]
    refused: list[_Refused]
    listed: bool


def reason(model: LanguageModel, evidence: EvidenceText, known: Sequence[KnownClaim], seed: int) -> Reasoned:
    """At most 8 proposals that can be executed, none of them known already, none twice.

    What cannot be read gets one repair attempt and is then dropped and counted. A reply without any entry may be
    repaired by choosing from a list of claims, which small models can. No reply: no proposals.
    """
    prompt = load_prompt("reasoner")
    asked = Message(role="user", content=_question(prompt, evidence, known))
    first = _ask(model, prompt, [asked], seed)
    if first is None:
        return Reasoned([], 0, 0, Cost())
    read = _read(first.text, evidence)
    if not read.refused:
        return Reasoned(_fresh(read.accepted, known), 0, 1, usage([first]))
    offered = [] if read.listed else choices({claim.sentence for claim in known})
    repair = load_prompt("repair" if read.listed else "choose")
    told = repair.render(problems=_problems(read.refused), claims=numbered(offered), most=MOST_CHOSEN)
    said = Message(role="assistant", content=first.text.strip() or "(nothing)")
    second = _ask(model, repair, [asked, said, Message(role="user", content=told)], seed)
    if second is None:
        return Reasoned(_fresh(read.accepted, known), len(read.refused), 1, usage([first]))
    repaired = _read(second.text, evidence, offered)
    both = _fresh(read.accepted + repaired.accepted, known)
    return Reasoned(both, _dropped(read, repaired), 2, usage([first, second]))


def usage(replies: Sequence[Reply | None]) -> Cost:
    """Calls that were answered, and what the provider charged for them."""
    came = [reply for reply in replies if reply is not None]
    return Cost(calls=len(came), usd=round(sum(reply.usd or 0.0 for reply in came), 6))


def _ask(model: LanguageModel, prompt: PromptText, messages: Sequence[Message], seed: int) -> Reply | None:
    ask = Ask(messages=tuple(messages), max_tokens=prompt.max_tokens, temperature=prompt.temperature, seed=seed)
    return model.ask([ask])[0]


def _question(prompt: PromptText, evidence: EvidenceText, known: Sequence[KnownClaim]) -> str:
    """The prompt with as much of the evidence as keeps it below MAX_PROMPT."""
    claims = fitting([_claim_row(claim) for claim in known], MAX_KNOWN)
    tags = fitting(evidence.tags, MAX_TAGS)
    fill = partial(
        prompt.render,
        known=fence("\n".join(claims), "KNOWN", MAX_FENCE) if claims else "None so far.",
        families=family_menu(evidence.judge),
        structures=structure_names(),
        tags=fence("\n".join(tags), "TAGS") if tags else "None.",
        limit=MAX_PROPOSALS,
    )
    room = MAX_PROMPT - len(fill(evidence=""))
    return fill(evidence=evidence.render(limit=max(room, LEAST_EVIDENCE)))


def _claim_row(claim: KnownClaim) -> str:
    effect = [] if claim.effect is None else [round(claim.effect, 3)]
    return json.dumps([claim.status, claim.sentence, *effect], ensure_ascii=False)


def _read(text: str, evidence: EvidenceText, offered: Sequence[Proposal] = ()) -> _Read:
    found = entries(text)
    if found is None and offered and (picked := chosen(text, offered)) is not None:
        return _Read(picked, [], listed=True)
    if found is None:
        return _Read([], [_Refused(None, 'no JSON of the form [{"region": ...}, ...]')], listed=False)
    accepted, refused = [], []
    for entry in found:
        try:
            accepted.append(proposal(entry, evidence.tags, evidence.judge))
        except (ValueError, SpecError) as error:
            refused.append(_Refused(entry, " ".join(str(error).split())))
    return _Read(accepted, refused, listed=True)


def _dropped(read: _Read, repaired: _Read) -> int:
    """Entries that stay malformed after the repair. One that the second reply leaves out was dropped there."""
    before = {p.sentence for p in read.accepted}
    mended = len({p.sentence for p in repaired.accepted} - before)
    left = len(read.refused) - mended if read.listed else 0
    return max(left, len(repaired.refused))


def _problems(refused: Sequence[_Refused]) -> str:
    """What was refused and why, fenced: an entry may quote the models under test."""
    rows = [json.dumps({"entry": r.entry, "problem": r.reason}) for r in refused[:MAX_PROPOSALS]]
    return "\n".join(fence(row, "PROBLEM") for row in rows)


def _fresh(proposals: Sequence[Proposal], known: Sequence[KnownClaim]) -> list[Proposal]:
    """The first 8 that say something new. The sentence states what is executed, so equal ones are one claim."""
    said = {claim.sentence for claim in known}
    fresh = []
    for entry in proposals:
        if entry.sentence not in said:
            said.add(entry.sentence)
            fresh.append(entry)
    return fresh[:MAX_PROPOSALS]
