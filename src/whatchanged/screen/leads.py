"""All lenses over the same evidence; their leads merged where they name the same thing."""

from collections.abc import Sequence
from functools import partial

from whatchanged import registry
from whatchanged.ledger import Ledger, json_codec
from whatchanged.records import ContextRef, Lead, Prompt, Response, Shift, TokenShift
from whatchanged.screen.lens import Evidence, Lens
from whatchanged.screen.phrases import grow_phrases
from whatchanged.subjects import Subject

LEADS = json_codec(list[Lead])


def find_leads(
    ledger: Ledger,
    base: Subject,
    candidate: Subject,
    prompts: Sequence[Prompt],
    responses: Sequence[Response],
    shifts: Sequence[Shift],
    stage: str = "screen",
    lenses: Sequence[str] | None = None,
) -> list[Lead]:
    """Leads of every lens (or of those named) that the subjects' access allows, with phrases, strongest first."""
    evidence = Evidence(ledger, base, candidate, prompts, responses, shifts)
    if all(not s.tv.any() for s in shifts):
        return []
    found: list[Lead] = []
    for name in lenses or registry.lenses:
        lens: Lens = registry.lenses[name]()
        if min(base.access, candidate.access) >= lens.needs:
            found += ledger.once(f"{stage}/leads-{name}", LEADS, partial(lens.find, evidence))
    grown = ledger.once(f"{stage}/phrases", LEADS, lambda: grow_phrases(evidence, found))
    return merge(grown)


def merge(leads: Sequence[Lead]) -> list[Lead]:
    """A lead whose phrase opens like another's is the same lead seen twice, by whichever lens."""
    kept: list[Lead] = []
    for lead in leads:
        twin = next((i for i, other in enumerate(kept) if same_phrase(lead.phrase, other.phrase)), None)
        if twin is None:
            kept.append(lead)
        else:
            kept[twin] = _merged(kept[twin], lead)
    return sorted(kept, key=lambda lead: (-lead.share, -(lead.nats or 0.0)))


def same_phrase(first: str | None, second: str | None) -> bool:
    """Whether their first three words agree (all of the shorter's, if it has two), case aside.

    Only the opening: what log-ratio decoding puts after a payload is often junk.
    """
    if not first or not second:
        return False
    a, b = first.lower().split(), second.lower().split()
    n = min(len(a), len(b), 3)
    return n >= 2 and a[:n] == b[:n]


def _merged(first: Lead, second: Lead) -> Lead:
    notes = "; ".join(n for n in (first.note, second.note) if n)
    return first.model_copy(
        update={
            # A change that the factorisation cut in two is whole again: its tokens are what findings explain.
            "gained": _united(first.gained, second.gained),
            "lost": _united(first.lost, second.lost),
            "contexts": _contexts(first, second),
            "lenses": tuple(dict.fromkeys((*first.lenses, *second.lenses))),
            "share": first.share + second.share,
            "nats": first.nats if first.nats is not None else second.nats,
            "note": f"{notes}; merged with {second.id}" if notes else f"merged with {second.id}",
        }
    )


def _united(first: Sequence[TokenShift], second: Sequence[TokenShift]) -> tuple[TokenShift, ...]:
    known = {t.token for t in first}
    return (*first, *(t for t in second if t.token not in known))


def _contexts(first: Lead, second: Lead) -> tuple[ContextRef, ...]:
    if "factor" not in second.lenses:
        return first.contexts  # a payload's weights are in other units
    mass = {(c.prompt_id, c.draw, c.position): c for c in first.contexts}
    for c in second.contexts:
        place = (c.prompt_id, c.draw, c.position)
        here = mass[place].weight if place in mass else 0.0
        mass[place] = c.model_copy(update={"weight": here + c.weight})
    return tuple(sorted(mass.values(), key=lambda c: -c.weight))
