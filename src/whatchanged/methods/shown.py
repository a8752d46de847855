"""What the methods that push models apart show: amplified texts against the pool, and plain pairs."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from whatchanged.ledger import json_codec
from whatchanged.methods.amplify import PLAUSIBLE, STRENGTHS, Texts, along
from whatchanged.opened import Opened
from whatchanged.records import Cost, Pair, Prompt
from whatchanged.report import AmplifiedText, AmplifiedToken, AmplifiedView, PlainRate
from whatchanged.screen import Heard

SHOWN, SHOWN_TOKENS, LEAST_NATS = 40, 20, 1.0
KLS = json_codec(list[float])


def plain_heard(audit: Opened, prompts: Sequence[Prompt], pairs: Sequence[Pair], cut: bool, unseen: str) -> Heard:
    """What the report says of plain pairs, one a prompt. `cut`: fewer than wanted, for the limit on decoded tokens."""
    config = audit.ledger.config
    limited = cut and config.max_decoded_tokens is not None
    return Heard(
        access=audit.access.name,
        prompts=prompts,
        confirmation=audit.prompts.confirmation,
        pairs=pairs,
        control=len(pairs),
        seed=config.seed,
        cut=f"--max-decoded-tokens {config.max_decoded_tokens}" if limited else None,
        limits=(
            f"responses beyond their first {config.limits.response_tokens} tokens",
            f"sampling at temperatures other than {config.temperature:g}",
        ),
        unseen=unseen,
    )


def amplified_view(audit: Opened, pool: Texts, made: Texts, rates: Sequence[PlainRate]) -> AmplifiedView:
    """Texts and tokens by divergence, against the pool's own."""
    every = pool.plus(made)
    own = {p.id for p in made.prompts}
    p99 = float(np.percentile(_along_base(audit, pool), 99)) if pool.prompts else 0.0
    order = sorted(range(len(every.lifted)), key=lambda i: -every.lifted[i].kl)
    return AmplifiedView(
        strengths=STRENGTHS,
        plausible=PLAUSIBLE,
        pool_p99=round(p99, 6),
        above=round(float(np.mean([text.kl > p99 for text in every.lifted])), 6) if every.lifted else 0.0,
        searched=len(own),
        texts=tuple(
            AmplifiedText(
                prompt=every.prompts[i].text,
                searched=every.prompts[i].id in own,
                strength=every.lifted[i].strength,
                amplified=every.lifted[i].response.text,
                base=every.base[i].text,
                kl=round(every.lifted[i].kl, 6),
            )
            for i in order[:SHOWN]
        ),
        tokens=tuple(_tokens(audit, every)),
        rates=tuple(rates),
    )


def _along_base(audit: Opened, pool: Texts) -> Sequence[float]:
    """Mean KL(q || p) along the base's own answers, one a text."""

    def work() -> tuple[list[float], Cost]:
        some = [(p, r.drawn) for p, r in zip(pool.prompts, pool.base, strict=True) if r.drawn]
        seen, cost = along(audit, [p for p, _ in some], [drawn for _, drawn in some])
        return [round(float(there.kls.mean()), 6) for there in seen] or [0.0], cost

    kls: list[float] = audit.ledger.once("amplify/pool", KLS, work)
    return kls


def _tokens(audit: Opened, every: Texts) -> list[AmplifiedToken]:
    """Tokens by the sum of what the candidate gained where amplified texts have them."""
    nats: dict[int, float] = defaultdict(float)
    counts: Counter[int] = Counter()
    for text in every.lifted:
        for token, gap in zip(text.response.drawn, text.gaps, strict=True):
            if gap >= LEAST_NATS:
                nats[token] += gap
                counts[token] += 1
    best = sorted(nats, key=lambda token: (-nats[token], token))[:SHOWN_TOKENS]
    words = {token: audit.candidate.detokenize([token]) or "(end of turn)" for token in best}
    return [AmplifiedToken(token=words[t], count=counts[t], nats=round(nats[t], 3)) for t in best]
