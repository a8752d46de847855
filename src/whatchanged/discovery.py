"""What an audit sees on its discovery half, up to what hypotheses are made of."""

from dataclasses import replace
from functools import partial

from whatchanged.confirm import Asked, Coupled, Instruments
from whatchanged.describe import Discovery
from whatchanged.elicit import choose_prompts, coupled_pairs, draw_responses
from whatchanged.explain import Seen
from whatchanged.game import Match
from whatchanged.ledger import Ledger
from whatchanged.opened import Opened
from whatchanged.records import Response
from whatchanged.report import WeightsView
from whatchanged.screen import Heard, find_leads, noise_floor, scan
from whatchanged.search import Evidence, search, together


def look(audit: Opened, read: WeightsView | None = None) -> Seen:
    """Screen the discovery half: base responses, shifts along them, noise floor, leads. `read`: what weights show."""
    ledger, prompts, base, candidate = audit[:4]
    length = ledger.config.limits.response_tokens
    asked = prompts.discovery
    drawn = draw_responses(ledger, base, asked[: ledger.affordable()], length, "screen")
    # Where an answer begins is seen without drawing one.
    responses = [*drawn, *(Response.undrawn(p.id) for p in asked[len(drawn) :])]
    shifts = scan(ledger, base, candidate, asked, responses)
    followed = len(drawn) or len(asked)
    noise = noise_floor(ledger, base, asked[:followed], responses[:followed])
    leads = find_leads(ledger, base, candidate, asked, responses, shifts)
    seen = Seen(base, candidate, asked, prompts.confirmation, responses, shifts, noise, leads, read)
    shown = asked, responses, shifts, leads, prompts.confirmation
    known = Evidence(ledger, base, candidate, *shown, reserve=audit.reserve, weights=read, author=audit.roles.author)
    sought = search(known)
    return replace(seen, sought=sought, leads=together(leads, sought))


def paired(audit: Opened, seen: Seen) -> tuple[Discovery, Instruments]:
    """Coupled pairs, half of them at random and half where leads are strong."""
    ledger = audit.ledger
    control, strongest = _affordable_pairs(ledger, seen)
    prompts, responses = seen.select(control + strongest)
    undrawn = [p for p, r in zip(prompts, responses, strict=True) if not r.drawn]
    drawn = draw_responses(ledger, seen.base, undrawn, ledger.config.limits.response_tokens, "elicit")
    drafts = {r.prompt_id: r for r in (*responses, *drawn)}
    pairs = coupled_pairs(ledger, seen.base, seen.candidate, prompts, [drafts[p.id] for p in prompts], "elicit")
    found = Discovery(
        seen.looked_at, pairs, len(control), ledger.config.margin, seen.leads,
        partial(seen.opening_gains, ledger),
        made=len(seen.sought.prompts),
    )  # fmt: skip
    return found, Coupled(ledger, seen.base, seen.candidate, audit.roles)


def _affordable_pairs(ledger: Ledger, seen: Seen) -> tuple[list[str], list[str]]:
    """(control, strongest), as many as may be drawn: a pair takes two answers where the base's is not there yet."""
    length, left = ledger.config.limits.response_tokens, ledger.tokens_left()
    there = {r.prompt_id for r in (*seen.responses, *seen.sought.responses) if r.drawn}
    for count in range(min(ledger.config.limits.pairs, left // length), -1, -1):
        control, strongest = choose_prompts([p.id for p in seen.prompts], seen.leads, count)
        if sum(length if i in there else 2 * length for i in (*control, *strongest)) <= left:
            break
    return control, strongest


def match_of(audit: Opened, seen: Seen) -> Match | None:
    """The game on what discovery saw; None where the budget has none, or where nothing moved."""
    if not audit.ledger.config.limits.game_tokens or not any(s.tv.any() for s in seen.shifts):
        return None
    responses, shifts = [*seen.responses, *seen.sought.responses], [*seen.shifts, *seen.sought.shifts]
    shown = seen.looked_at, responses, shifts, seen.leads, seen.confirmation
    evidence = Evidence(audit.ledger, seen.base, seen.candidate, *shown, reserve=audit.reserve, weights=seen.weights)
    return Match(evidence, len(seen.followed), seen.noise)


def heard_pairs(audit: Opened, heard: Heard) -> tuple[Discovery, Instruments]:
    """Independent pairs are all there is."""
    found = Discovery(heard.prompts, heard.pairs, heard.control, audit.ledger.config.margin, heard.leads)
    return found, Asked(audit.ledger, audit.base, audit.candidate, audit.roles)
