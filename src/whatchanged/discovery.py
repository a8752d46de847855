"""What an audit sees on its discovery half, up to what hypotheses are made of."""

from dataclasses import replace
from functools import partial

from whatchanged.confirm import Asked, Coupled, Instruments
from whatchanged.describe import Discovery
from whatchanged.elicit import choose_prompts, coupled_pairs, draw_responses
from whatchanged.explain import Seen
from whatchanged.game import Match
from whatchanged.opened import Opened
from whatchanged.report import WeightsView
from whatchanged.screen import Heard, find_leads, noise_floor, scan
from whatchanged.search import Evidence, search, together


def look(audit: Opened, read: WeightsView | None = None) -> Seen:
    """Screen the discovery half: base responses, shifts along them, noise floor, leads. `read`: what weights show."""
    ledger, prompts, base, candidate = audit[:4]
    length = ledger.config.limits.response_tokens
    asked = prompts.discovery[: ledger.affordable()]
    responses = draw_responses(ledger, base, asked, length, "screen")
    shifts = scan(ledger, base, candidate, asked, responses)
    noise = noise_floor(ledger, base, asked, responses)
    leads = find_leads(ledger, base, candidate, asked, responses, shifts)
    every = len(prompts.discovery)
    seen = Seen(base, candidate, asked, prompts.confirmation, responses, shifts, noise, leads, every, read)
    shown = asked, responses, shifts, leads, prompts.confirmation
    known = Evidence(ledger, base, candidate, *shown, reserve=audit.reserve, weights=read, author=audit.roles.author)
    sought = search(known)
    return replace(seen, sought=sought, leads=together(leads, sought))


def paired(audit: Opened, seen: Seen) -> tuple[Discovery, Instruments]:
    """Coupled pairs, half of them at random and half where leads are strong."""
    ledger, limits = audit.ledger, audit.ledger.config.limits
    count = min(limits.pairs, ledger.tokens_left() // limits.response_tokens)
    control, strongest = choose_prompts([p.id for p in seen.prompts], seen.leads, count)
    pairs = coupled_pairs(ledger, seen.base, seen.candidate, *seen.select(control + strongest), "elicit")
    found = Discovery(
        seen.looked_at, pairs, len(control), ledger.config.margin, seen.leads,
        partial(seen.opening_gains, ledger),
        made=len(seen.sought.prompts),
    )  # fmt: skip
    return found, Coupled(ledger, seen.base, seen.candidate, audit.roles)


def match_of(audit: Opened, seen: Seen) -> Match | None:
    """The game on what discovery saw; None where the budget has none, or where nothing moved."""
    if not audit.ledger.config.limits.game_tokens or not any(s.tv.any() for s in seen.shifts):
        return None
    responses, shifts = [*seen.responses, *seen.sought.responses], [*seen.shifts, *seen.sought.shifts]
    shown = seen.looked_at, responses, shifts, seen.leads, seen.confirmation
    evidence = Evidence(audit.ledger, seen.base, seen.candidate, *shown, reserve=audit.reserve, weights=seen.weights)
    return Match(evidence, len(seen.prompts), seen.noise)


def heard_pairs(audit: Opened, heard: Heard) -> tuple[Discovery, Instruments]:
    """Independent pairs are all there is."""
    found = Discovery(heard.prompts, heard.pairs, heard.control, audit.ledger.config.margin, heard.leads)
    return found, Asked(audit.ledger, audit.base, audit.candidate, audit.roles)
