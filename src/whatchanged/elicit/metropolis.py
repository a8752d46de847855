"""Pairs of answers from models that score text: weighed by log q(y)/p(y), and coupled by one Metropolis step.

A draft y ~ p of the base and an answer z ~ q of the candidate, drawn apart. Keep the draft as the candidate's answer
with probability min(1, w(y)/w(z)), w = q/p, else keep z. With q as its target and p as its proposal this is one step
of the independence sampler (Hastings 1970; Tierney 1994, section 2.3.3), and it starts from a draw of q: the
candidate's answer is an exact draw of q.

The pair is identical with probability 1 - TV(p x q, q x p), between 1 - 2 TV(p, q) and 1 - TV(p, q), which a maximal
coupling reaches. That one would draw from the candidate until an answer is accepted, once on average, without an upper
bound; giving up after some draws would lose just pairs that differ. This one draws once, and loses none.

Any symmetric reason not to step keeps it exact: an answer that either model cannot score is left as it was drawn.
"""

from collections.abc import Sequence

import numpy as np

from whatchanged.config import AuditConfig
from whatchanged.elicit.independent import answer_cost, answer_pair, ask_both, in_batches, independent_pairs
from whatchanged.ledger import Ledger, json_codec
from whatchanged.records import Cost, Pair, Prompt, Record, Tokens
from whatchanged.subjects import Access, Said, Scored, Subject, stream, stream_key


class Weighed(Record):
    """Two answers drawn apart, and log q(y)/p(y) of each in nats; None where a model does not score it."""

    pair: Pair
    base: float | None = None
    candidate: float | None = None

    @property
    def gap(self) -> float | None:
        """log q/p of the candidate's answer minus that of the base's: see `screen.gap.likelihood_gate`."""
        return None if self.base is None or self.candidate is None else self.candidate - self.base


WEIGHED = json_codec(list[Weighed | None])


def both_score(config: AuditConfig, base: Subject, candidate: Subject) -> bool:
    """Whether answers can be weighed: both models score text, and the audit may look at log probabilities."""
    may = Access[config.access] >= Access.logprobs and config.temperature == 1
    return may and base.scores_text and candidate.scores_text


def weighed_pairs(
    ledger: Ledger, base: Subject, candidate: Subject, prompts: Sequence[Prompt], stage: str, draw: int = 0
) -> list[Weighed | None]:
    """One pair a prompt, in order, weighed where both models score text; None where either gave no answer."""
    if not both_score(ledger.config, base, candidate):
        drawn = independent_pairs(ledger, base, candidate, prompts, stage, draw)
        return [None if pair is None else Weighed(pair=pair) for pair in drawn]
    step = f"{stage}/weighed-{draw}"
    return in_batches(ledger, prompts, step, WEIGHED, lambda batch: _weighed(ledger, base, candidate, batch, draw))


def metropolis_pairs(
    ledger: Ledger, base: Subject, candidate: Subject, prompts: Sequence[Prompt], stage: str, draw: int = 0
) -> list[Pair | None]:
    """The same, coupled where both models score text, unless `coupled` is off."""
    found = weighed_pairs(ledger, base, candidate, prompts, stage, draw)
    if not ledger.config.coupled:
        return [None if w is None else w.pair for w in found]
    return [None if w is None else couple(w, ledger.config.seed) for w in found]


def couple(weighed: Weighed, seed: int) -> Pair:
    """The pair after the Metropolis step; as it was drawn, and not coupled, where there is no gap."""
    pair, gap = weighed.pair, weighed.gap
    if gap is None:
        return pair
    uniform = stream(stream_key(seed, pair.prompt_id, pair.draw, "accept")).random()
    if np.log1p(-uniform) >= -gap:  # 1 - uniform is never 0
        return pair.model_copy(update={"coupled": True})
    return pair.model_copy(update={"candidate": pair.base, "split_at": None, "coupled": True})


def _weighed(
    ledger: Ledger, base: Subject, candidate: Subject, batch: Sequence[Prompt], draw: int
) -> tuple[list[Weighed | None], Cost]:
    said = ask_both(ledger, base, candidate, batch, draw)
    ratios, cost = zip(*(_log_ratios(base, candidate, batch, answers) for answers in said), strict=True)
    pairs = [answer_pair(prompt, a, b, draw) for prompt, a, b in zip(batch, *said, strict=True)]
    weighed = [
        None if pair is None else Weighed(pair=pair, base=of_base, candidate=of_candidate)
        for pair, of_base, of_candidate in zip(pairs, *ratios, strict=True)
    ]
    return weighed, sum(cost, answer_cost((base, candidate), said))


def _log_ratios(
    base: Subject, candidate: Subject, prompts: Sequence[Prompt], said: Sequence[Said | None]
) -> tuple[list[float | None], Cost]:
    """log q/p of each answer, None where either model does not tell; and what it cost."""
    there = [i for i, answer in enumerate(said) if answer is not None]
    asked = [prompts[i] for i in there], [answer for answer in said if answer is not None]
    p, q = base.log_likelihoods(*asked), candidate.log_likelihoods(*asked)
    ratios: list[float | None] = [None] * len(said)
    for i, a, b in zip(there, p, q, strict=True):
        if a is not None and b is not None and a.log_prob is not None and b.log_prob is not None:
            ratios[i] = b.log_prob - a.log_prob
    return ratios, _cost(p, q)


def _cost(p: Sequence[Scored | None], q: Sequence[Scored | None]) -> Cost:
    came = [scored for scored in (*p, *q) if scored is not None]
    return Cost(
        scored_tokens=Tokens(
            base=sum(s.tokens for s in p if s is not None), candidate=sum(s.tokens for s in q if s is not None)
        ),
        calls=len(came),
        usd=round(sum(s.usd or 0.0 for s in came), 6),
    )
