"""Texts from amplified logits, beside the base's own, with the divergence along every one of them."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from whatchanged.elicit import draw_responses
from whatchanged.elicit.amplified import Ask, lifted_answers, log_laws
from whatchanged.elicit.couple import paired
from whatchanged.ledger import json_codec
from whatchanged.opened import Opened
from whatchanged.records import Cost, Pair, Prompt, Record, Response, Tokens
from whatchanged.subjects import Context, Ids, pair_batches, stream_key

# a in candidate + a (candidate - base).
STRENGTHS = (1.0, 3.0)
# Tokens less likely than this share of the candidate's likeliest are left out.
PLAUSIBLE = 0.05
CHUNK = 64


class Lifted(Record):
    """An amplified text. Of each token, the end of the turn included: log q, log q - log p, and KL(q || p), nats."""

    response: Response
    strength: float
    log_q: tuple[float, ...]
    gaps: tuple[float, ...]
    kls: tuple[float, ...]

    @property
    def kl(self) -> float:
        """Mean over positions: how far apart the models are along the text."""
        return float(np.mean(self.kls)) if self.kls else 0.0


class Along(NamedTuple):
    """Per token of a text: log probability under base, candidate and each strength (2 + k, tokens), and KL(q || p)."""

    logs: NDArray[np.float64]
    kls: NDArray[np.float64]


class Texts(NamedTuple):
    """Aligned: prompts, the base's own answers, amplified ones."""

    prompts: list[Prompt]
    base: list[Response]
    lifted: list[Lifted]

    @property
    def pairs(self) -> list[Pair]:
        """As pairs whose candidate is amplified: for describing, never for a rate or an example."""
        return [paired(a, b.response, coupled=False) for a, b in zip(self.base, self.lifted, strict=True)]

    def plus(self, other: "Texts") -> "Texts":
        """Both, in order."""
        return Texts(self.prompts + other.prompts, self.base + other.base, self.lifted + other.lifted)


LIFTED = json_codec(list[Lifted])


def texts(audit: Opened, prompts: Sequence[Prompt], count: int, half: str) -> Texts:
    """`count` amplified texts with the base's own: one a prompt in order, then a second one, and so on."""
    ledger, found = audit.ledger, Texts([], [], [])
    length = ledger.config.limits.response_tokens
    for draw, start in enumerate(range(0, count, max(1, len(prompts)))):
        some = list(prompts[: count - start])
        base = draw_responses(ledger, audit.base, some, length, f"amplify/{half}", draw)
        lifted: list[Lifted] = []
        for number in range(0, len(some), CHUNK):
            work = partial(_lift, audit, some[number : number + CHUNK], draw, number)
            lifted += ledger.once(f"amplify/{half}-{draw}-{number // CHUNK:04d}", LIFTED, work)
        found = found.plus(Texts(some, base, lifted))
    return found


def along(
    audit: Opened, prompts: Sequence[Prompt], drawn: Sequence[Ids], strengths: Sequence[float] = STRENGTHS
) -> tuple[list[Along], Cost]:
    """What both models and the amplified ones make of each token of these answers, and what scoring them cost."""
    base, candidate, temperature = audit.base, audit.candidate, audit.ledger.config.temperature
    contexts = [
        (Context(base.encode(p), said[:-1]), Context(candidate.encode(p), said[:-1]))
        for p, said in zip(prompts, drawn, strict=True)
    ]
    found: dict[int, Along] = {}
    for batch in pair_batches(base, candidate, contexts):
        tokens = [token for i in batch for token in drawn[i]]
        both = [s.score([contexts[i][n] for i in batch], temperature) for n, s in enumerate((base, candidate))]
        logs, kls, first = [], [], 0
        for log_p, log_q in zip(both[0].blocks(), both[1].blocks(), strict=True):
            some = log_q.new_tensor(tokens[first : first + len(log_q)]).long()[:, None]
            laws = log_laws(log_p.cpu(), log_q.cpu(), strengths, PLAUSIBLE)
            logs.append(laws.gather(-1, some.cpu().expand(len(laws), -1, -1))[..., 0].double().numpy())
            kls.append((log_q.exp() * (log_q - log_p)).sum(-1).clamp(min=0).double().cpu().numpy())
            first += len(log_q)
        ends = np.cumsum([len(drawn[i]) for i in batch])[:-1]
        parts = zip(np.split(np.concatenate(logs, 1), ends, 1), np.split(np.concatenate(kls), ends), strict=True)
        found |= {i: Along(*part) for i, part in zip(batch, parts, strict=True)}
    scored = Tokens(
        base=base.scored_tokens([a for a, _ in contexts]), candidate=candidate.scored_tokens([b for _, b in contexts])
    )
    return [found[i] for i in range(len(prompts))], Cost(scored_tokens=scored)


def lift(audit: Opened, asks: Sequence[Ask]) -> list[Ids]:
    """An amplified answer an ask, its end of turn included."""
    config = audit.ledger.config
    length, temperature = config.limits.response_tokens, config.temperature
    models = audit.base, audit.candidate
    return [
        answer.drawn
        for answer in lifted_answers(*models, asks, STRENGTHS, length, temperature, lambda *_: False, PLAUSIBLE)
    ]


def response(audit: Opened, prompt: Prompt, draw: int, drawn: Ids) -> Response:
    """Tokens that were drawn, as a response."""
    end = drawn[-1] if drawn and drawn[-1] in audit.candidate.end_ids else None
    tokens = drawn if end is None else drawn[:-1]
    text = audit.candidate.detokenize(tokens)
    return Response(prompt_id=prompt.id, draw=draw, tokens=tokens, text=text, finished=end is not None, end=end)


def _lift(audit: Opened, prompts: Sequence[Prompt], draw: int, first: int) -> tuple[list[Lifted], Cost]:
    seed = audit.ledger.config.seed
    levels = [(first + i + draw) % len(STRENGTHS) for i in range(len(prompts))]
    keys = [stream_key(seed, p.id, draw, "amplified") for p in prompts]
    drawn = lift(audit, [Ask(*ask) for ask in zip(prompts, levels, keys, strict=True)])
    seen, cost = along(audit, prompts, drawn)
    made = [
        Lifted(
            response=response(audit, prompt, draw, said),
            strength=STRENGTHS[level],
            log_q=tuple(there.logs[1].round(6).tolist()),
            gaps=tuple((there.logs[1] - there.logs[0]).round(6).tolist()),
            kls=tuple(there.kls.round(6).tolist()),
        )
        for prompt, level, said, there in zip(prompts, levels, drawn, seen, strict=True)
    ]
    total = sum(map(len, drawn))
    return made, cost + Cost(decoded_tokens=Tokens(base=total, candidate=total))
