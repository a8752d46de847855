"""Finders propose prompts, the screen scores them: where the models differ on what no pool holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from whatchanged import registry
from whatchanged.records import Lead, Prompt, Response, Shift
from whatchanged.report.model import FinderUse
from whatchanged.screen import find_leads, merge
from whatchanged.search.finder import Evidence, Finder
from whatchanged.search.rounds import Rounds


@dataclass(frozen=True)
class Sought:
    """Prompts that finders made, screened like the pool's: aligned lists, leads of their own, who did what."""

    prompts: Sequence[Prompt] = ()
    responses: Sequence[Response] = ()
    shifts: Sequence[Shift] = ()
    leads: Sequence[Lead] = ()
    finders: Sequence[FinderUse] = ()


def search(evidence: Evidence) -> Sought:
    """Rounds of all finders that the settings and the access allow; nothing where the two models are one."""
    ledger, base, candidate = evidence.ledger, evidence.base, evidence.candidate
    if not any(s.tv.any() for s in evidence.shifts):
        return Sought()
    rounds = Rounds(evidence)
    rounds.run(_finders(evidence))
    made, responses, shifts = rounds.prompts, rounds.responses, rounds.shifts
    if not made:
        return Sought(finders=rounds.uses)
    leads = find_leads(ledger, base, candidate, made, responses, shifts, "search", ["factor"])
    return Sought(made, responses, shifts, [_renamed(lead) for lead in leads], rounds.uses)


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


def _finders(evidence: Evidence) -> list[Finder]:
    """Those named; where none is, those that apply, and of these at `small` the ones made for it."""
    config = evidence.ledger.config
    finders: list[Finder] = [registry.finders[name]() for name in chosen(config.finders)]
    seeing = [f for f in finders if evidence.access >= f.needs]
    if config.finders:
        return seeing
    return [f for f in seeing if f.applies(evidence) and (f.cheap or f.small or config.budget != "small")]


def _renamed(lead: Lead) -> Lead:
    """An id of its own, and no share: what it holds is no part of the pool's divergence."""
    return lead.model_copy(update={"id": f"search-{lead.id}", "share": 0.0, "note": "on prompts that finders made"})
