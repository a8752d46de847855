"""Finders propose prompts, the screen scores them: where the models differ on what no pool holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from whatchanged import registry
from whatchanged.elicit import draw_responses
from whatchanged.ledger import json_codec
from whatchanged.pools import normalise
from whatchanged.records import Cost, Lead, Prompt, Record, Response, Shift
from whatchanged.report.model import FinderUse
from whatchanged.screen import find_leads, merge, scan
from whatchanged.search.finder import Evidence, Finder


class Found(Record):
    """What a finder left in the ledger."""

    prompts: tuple[Prompt, ...]
    scored_tokens: int
    note: str


FOUND = json_codec(Found)


@dataclass(frozen=True)
class Sought:
    """Prompts that finders made, screened like the pool's: aligned lists, leads of their own, who did what."""

    prompts: Sequence[Prompt] = ()
    responses: Sequence[Response] = ()
    shifts: Sequence[Shift] = ()
    leads: Sequence[Lead] = ()
    finders: Sequence[FinderUse] = ()


def search(evidence: Evidence) -> Sought:
    """Every finder that the settings name and the access allows; nothing where the two models are one."""
    ledger, base, candidate = evidence.ledger, evidence.base, evidence.candidate
    if not any(s.tv.any() for s in evidence.shifts):
        return Sought()
    # What confirmation keeps for itself is not looked at here, whoever makes it up.
    known = {normalise(p) for p in (*evidence.prompts, *evidence.confirmation)}
    prompts: dict[str, Prompt] = {}
    did: dict[str, Found] = {}
    for name in chosen(ledger.config.finders):
        finder: Finder = registry.finders[name]()
        if evidence.access < finder.needs:
            continue
        found: Found = ledger.once(f"search/{name}", FOUND, partial(_found, finder, evidence))
        prompts |= {p.id: p for p in found.prompts if normalise(p) not in known and p.id not in prompts}
        did[name] = found
    made = list(prompts.values())[: ledger.affordable()]
    uses = [
        FinderUse(
            name=name, prompts=sum(p.source == name for p in made), scored_tokens=use.scored_tokens, note=use.note
        )
        for name, use in did.items()
    ]
    if not made:
        return Sought(finders=uses)
    responses = draw_responses(ledger, base, made, ledger.config.limits.response_tokens, "search")
    shifts = scan(ledger, base, candidate, made, responses, "search")
    leads = find_leads(ledger, base, candidate, made, responses, shifts, "search", ["factor"])
    return Sought(made, responses, shifts, [_renamed(lead) for lead in leads], uses)


def chosen(asked: Sequence[str]) -> list[str]:
    """The finders to use: all where none is named, none for 'none'. Raises SpecError for a name that is no finder's."""
    if tuple(asked) == ("none",):
        return []
    for name in asked:
        registry.finders[name]
    return list(asked or registry.finders)


def together(leads: Sequence[Lead], sought: Sought) -> list[Lead]:
    """The pool's leads and the search's, merged where they name the same phrase."""
    # A lead with tokens and contexts of its own comes before the payload that names it.
    return merge(sorted([*leads, *sought.leads], key=lambda lead: "factor" not in lead.lenses))


def _renamed(lead: Lead) -> Lead:
    """An id of its own, and no share: what it holds is no part of the pool's divergence."""
    return lead.model_copy(update={"id": f"search-{lead.id}", "share": 0.0, "note": "on prompts that finders made"})


def _found(finder: Finder, evidence: Evidence) -> tuple[Found, Cost]:
    prompts, cost, note = finder.find(evidence)
    scored = cost.scored_tokens.base + cost.scored_tokens.candidate
    return Found(prompts=tuple(prompts), scored_tokens=scored, note=note), cost
