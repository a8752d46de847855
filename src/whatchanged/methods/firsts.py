"""How far two models are apart at the first positions of their answers to prompts in words."""

from collections.abc import Sequence

import numpy as np

from whatchanged.opened import Opened
from whatchanged.records import Cost, Prompt, Tokens
from whatchanged.subjects import Context

ROWS = 32


def first_kls(audit: Opened, prompts: Sequence[Prompt], positions: int) -> tuple[list[float], Cost]:
    """Nats a prompt: mean KL(q || p) over the first positions of the candidate's likeliest answer, up to its end.

    The measure is that of `vectors.divergence`, so that prompts in words and soft ones compare.
    """
    found: list[float] = []
    scored = [0, 0]
    for start in range(0, len(prompts), ROWS):
        batch = prompts[start : start + ROWS]
        rows = [[subject.encode(p) for p in batch] for subject in (audit.base, audit.candidate)]
        for n, subject in enumerate((audit.base, audit.candidate)):
            scored[n] += subject.scored_tokens([Context(row) for row in rows[n]])
        kls, stepped = _stepped(audit, rows, positions)
        scored = [count + stepped for count in scored]
        found += kls
    return found, Cost(scored_tokens=Tokens(base=scored[0], candidate=scored[1]))


def _stepped(audit: Opened, rows: Sequence[Sequence[tuple[int, ...]]], positions: int) -> tuple[list[float], int]:
    """The means of one batch, and how many tokens each model was stepped by after the prompts."""
    models = [s.stepper(own) for s, own in zip((audit.base, audit.candidate), rows, strict=True)]
    kls: list[list[float]] = [[] for _ in rows[0]]
    alive, stepped = list(range(len(kls))), 0
    for position in range(positions):
        log_p, log_q = (model.log_probs().cpu() for model in models)
        for i, kl in zip(alive, (log_q.exp() * (log_q - log_p)).sum(-1).tolist(), strict=True):
            kls[i].append(kl)
        tokens = log_q.argmax(-1).tolist()
        going = [n for n, token in enumerate(tokens) if token not in audit.candidate.end_ids]
        if not going or position + 1 == positions:
            break
        for model in models:
            model.advance(going, [tokens[n] for n in going])
        alive = [alive[n] for n in going]
        stepped += len(alive)
    return [round(float(np.mean(own)), 6) for own in kls], stepped
