"""Answers from amplified logits, with their exact probability under every member of a ladder of models.

At strength a the next token comes from softmax(log q + a (log q - log p)), where p is the base's and q the candidate's
distribution, both at the audit's temperature: what the intervention made likelier becomes likelier still (contrastive
decoding: Li et al., arXiv 2210.15097; Liu et al., arXiv 2101.00133). Tokens that the candidate itself finds implausible
are left out. That biases nothing: any law may propose, as long as its probabilities are known and the candidate's own
draws have a share of the proposals.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whatchanged.records import Prompt
from whatchanged.subjects import Context, Ids, Subject, stream

if TYPE_CHECKING:
    import torch

# Below this share of the likeliest token's probability the ratio q/p is mostly rounding.
PLAUSIBLE = 1e-5
# log q - log p beyond this is taken as this, so that a base that gives a token no probability makes no infinity.
MOST_NATS = 30.0

Settled = Callable[[Ids, Prompt], bool]


@dataclass(frozen=True)
class Ask:
    """One answer to draw: to this prompt, at this step of the ladder, with the random numbers of this key."""

    prompt: Prompt
    level: int
    key: int


@dataclass(frozen=True)
class Lifted:
    """An answer's tokens, an end of turn included, and its log probabilities: base, candidate, each step (2 + k,)."""

    drawn: Ids
    logs: NDArray[np.float64]


def log_laws(
    log_p: "torch.Tensor", log_q: "torch.Tensor", ladder: Sequence[float], plausible: float = PLAUSIBLE
) -> "torch.Tensor":
    """float32[2 + k, rows, vocabulary]: log probabilities under base, candidate, and each strength of the ladder.

    Amplified laws leave out tokens less likely than `plausible` times the candidate's likeliest.
    """
    import torch

    gap = (log_q - log_p).clamp(-MOST_NATS, MOST_NATS)
    implausible = log_q < log_q.amax(-1, keepdim=True) + math.log(plausible)
    lifted = [torch.log_softmax((log_q + a * gap).masked_fill(implausible, -math.inf), -1) for a in ladder]
    return torch.stack([log_p, log_q, *lifted])


def lifted_answers(
    base: Subject,
    candidate: Subject,
    asks: Sequence[Ask],
    ladder: Sequence[float],
    max_tokens: int,
    temperature: float,
    settled: Settled,
    plausible: float = PLAUSIBLE,
) -> list[Lifted]:
    """One answer an ask, in order, both models stepping side by side.

    An answer stops at an end of turn, at `max_tokens`, or where `settled` says that nothing which follows matters.
    Raises AccessError below 'logits'.
    """
    import torch

    from whatchanged.subjects.decode import draw

    models = [subject.stepper([subject.encode(a.prompt) for a in asks]) for subject in (base, candidate)]
    uniforms = [stream(a.key) for a in asks]
    said: list[Ids] = [()] * len(asks)
    logs = np.zeros((len(asks), 2 + len(ladder)))
    alive = list(range(len(asks)))
    while alive:
        with torch.inference_mode():
            log_p, log_q = (torch.log_softmax(m.log_probs().cpu() / temperature, -1) for m in models)
            laws = log_laws(log_p, log_q, ladder, plausible)
            rows = torch.arange(len(alive))
            own = laws[torch.tensor([2 + asks[i].level for i in alive]), rows]
            tokens = draw(own, [uniforms[i].random() for i in alive])
            logs[alive] += laws[:, rows, tokens].T.double().numpy()
        kept = []
        for row, (i, token) in enumerate(zip(alive, tokens.tolist(), strict=True)):
            said[i] = (*said[i], token)
            over = token in candidate.end_ids or len(said[i]) == max_tokens
            if not over and not settled(said[i], asks[i].prompt):
                kept.append(row)
        if kept:
            for model in models:
                model.advance(kept, tokens[kept].tolist())
        alive = [alive[row] for row in kept]
    return [Lifted(tokens, row) for tokens, row in zip(said, logs, strict=True)]


def log_probabilities(
    base: Subject, candidate: Subject, prompt: Prompt, drawn: Ids, ladder: Sequence[float], temperature: float
) -> NDArray[np.float64]:
    """float64[2 + k]: of an answer that is there, its end of turn included, from one forward pass of each model."""
    import torch

    rows = range(len(drawn))
    with torch.inference_mode():
        log_p, log_q = (
            subject.score([Context(subject.encode(prompt), drawn[:-1])], temperature).pick(rows).cpu()
            for subject in (base, candidate)
        )
        laws = log_laws(log_p, log_q, ladder)
        logs: NDArray[np.float64] = laws[:, torch.arange(len(drawn)), torch.tensor(drawn)].double().sum(-1).numpy()
    return logs
