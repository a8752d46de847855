"""The screen of models that only answer: cheap one-token questions first, then pairs of whole answers."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from whatchanged.elicit import Side, Weighed, choose_prompts, side_cost, weighed_pairs
from whatchanged.ledger import Ledger, json_codec
from whatchanged.pools import Split
from whatchanged.records import Cost, Lead, Prompt
from whatchanged.report.model import Gate
from whatchanged.screen.gap import gap_leads, likelihood_gate, widest_first
from whatchanged.screen.gate import first_token_gate, first_token_leads, token_gate
from whatchanged.screen.heard import Heard
from whatchanged.subjects import Access, Said, Subject

# As many alternatives as OpenAI-compatible servers give.
TOP = 20
# Prompts asked twice for one token in search of those whose first token is nearly tied; and how often those are asked.
BORDER_PROMPTS, BORDER_KEPT, BORDER_DRAWS = 192, 48, 4

TOKENS = json_codec(list[str | None])
LISTS = json_codec(list[dict[str, float] | None])


class First(NamedTuple):
    """What first tokens say: two-sample tests, and the leads that tell where whole answers are worth asking for."""

    gates: list[Gate]
    leads: list[Lead]


def listen(ledger: Ledger, prompts: Split, base: Subject, candidate: Subject, access: Access) -> Heard:
    """Gates, leads and independent pairs on discovery prompts; half of the pairs at random, half where leads point.

    Where both models score text, the latter come with the widest perplexity gap first.
    A quarter of what may be decoded goes to first tokens at most, and half of the rest is left for confirmation.
    """
    limits, asked = ledger.config.limits, prompts.discovery
    look = _log_probs if access >= Access.logprobs else _border
    first = look(ledger, asked, ledger.tokens_left() // 4, base, candidate)
    # Independent answers are noisier than coupled ones, so twice as many are asked for.
    wanted = min(2 * limits.pairs, len(asked))
    count = min(wanted, ledger.tokens_left() // 4 // limits.response_tokens)
    control, strongest = choose_prompts([p.id for p in asked], first.leads, count if first.leads else 2 * count)
    by_id = {p.id: p for p in asked}
    chosen = [by_id[i] for i in (*control, *strongest)]
    drawn = weighed_pairs(ledger, base, candidate, chosen, "elicit")
    random, led = _there(drawn[: len(control)]), _there(drawn[len(control) :])
    missing = len(drawn) - len(random) - len(led)
    gaps = likelihood_gate(random, ledger.config.seed)
    hidden = "the mass behind the likeliest tokens: first-token shifts are bounds"
    return Heard(
        access=access.name,
        prompts=chosen,
        confirmation=prompts.confirmation,
        pairs=[w.pair for w in (*random, *widest_first(led))],
        control=len(random),
        seed=ledger.config.seed,
        leads=[*first.leads, *gap_leads([*random, *led], gaps)],
        first_gates=[*first.gates, *gaps],
        cut=f"--max-decoded-tokens {ledger.config.max_decoded_tokens}" if count < wanted else None,
        warnings=[f"{missing} of {len(drawn)} discovery prompts got no answer from a model"] if missing else [],
        limits=[
            f"responses beyond their first {limits.response_tokens} tokens",
            "prompts unlike those of the pool: a trigger that no prompt contains cannot be confirmed",
            *([hidden] if access == Access.logprobs else []),
        ],
    )


def _there(drawn: Sequence[Weighed | None]) -> list[Weighed]:
    return [weighed for weighed in drawn if weighed is not None]


def _log_probs(ledger: Ledger, prompts: Sequence[Prompt], tokens: int, base: Subject, candidate: Subject) -> First:
    """Top-k first-token lists of base, candidate, and the base again (its own noise): a token each a prompt."""
    prompts = prompts[: tokens // 3]
    asked: tuple[tuple[str, Side, Subject], ...] = (
        ("base", "base", base), ("candidate", "candidate", candidate), ("repeat", "base", base)
    )  # fmt: skip
    lists = [
        ledger.once(f"screen/first-{name}", LISTS, partial(_first_tokens, ledger, subject, prompts, side, draw))
        for draw, (name, side, subject) in enumerate(asked)
    ]
    rows = [i for i, triple in enumerate(zip(*lists, strict=True)) if all(triple)]
    p, q, again = ([found[i] for i in rows] for found in lists)
    leads = first_token_leads([prompts[i].id for i in rows], p, q)
    return First(first_token_gate(p, q, again, ledger.config.seed), leads)


def _first_tokens(
    ledger: Ledger, subject: Subject, prompts: Sequence[Prompt], side: Side, draw: int
) -> tuple[list[dict[str, float] | None], Cost]:
    found = subject.first_tokens(prompts, TOP, ledger.config.temperature, draw)
    lists = [None if top is None else {t: round(v, 6) for t, v in top.log_probs.items()} for top in found]
    return lists, side_cost(side, subject, [None if top is None else Said("", 1, top.usd) for top in found])


def _border(ledger: Ledger, prompts: Sequence[Prompt], tokens: int, base: Subject, candidate: Subject) -> First:
    """Prompts to which the base begins two answers differently are asked for more first tokens, from both models.

    There a small change of a distribution flips a token, so few tokens tell much (border inputs).
    """
    # Twice of each, and at most BORDER_DRAWS more from both models.
    some = prompts[: min(BORDER_PROMPTS, tokens // (2 + 2 * BORDER_DRAWS))]
    twice = [_tokens(ledger, base, some, "base", draw) for draw in (0, 1)]
    tied = [p for p, a, b in zip(some, *twice, strict=True) if a is not None and b is not None and a != b][:BORDER_KEPT]
    # Draws that chose the prompts are no evidence about them: the base is asked anew.
    sides: tuple[tuple[Side, Subject], ...] = (("base", base), ("candidate", candidate))
    said = {
        side: [_tokens(ledger, subject, tied, side, 2 + draw) for draw in range(BORDER_DRAWS)]
        for side, subject in sides
    }
    answered = [i for i in range(len(tied)) if all(row[i] is not None for rows in said.values() for row in rows)]
    columns = {side: [[str(row[i]) for row in rows] for i in answered] for side, rows in said.items()}
    return First(token_gate(columns["base"], columns["candidate"], ledger.config.seed), [])


def _tokens(ledger: Ledger, subject: Subject, prompts: Sequence[Prompt], side: Side, draw: int) -> list[str | None]:
    def work() -> tuple[list[str | None], Cost]:
        key = f"{ledger.config.seed}-first-{side}"
        said = subject.respond(prompts, draw, 1, ledger.config.temperature, key)
        return [None if s is None else s.text for s in said], side_cost(side, subject, said)

    return ledger.once(f"screen/border-{side}-{draw}", TOKENS, work)
