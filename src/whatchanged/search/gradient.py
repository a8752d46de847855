"""One gradient ranks the whole vocabulary: what a word in a prompt would do, to first order.

The derivative of an objective by the embedding at a slot of a prompt, times every token's embedding, is the first-order
effect of putting that token there (Ebrahimi et al. 2018, HotFlip; Zou et al. 2023, GCG). Averaged over slots in many
prompts it ranks some 50,000 tokens for the price of a few dozen prompts; the leading ones are then tried exactly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatchanged.pools.made import PLACES, with_text
from whatchanged.records import Cost, Tokens
from whatchanged.search.finder import Evidence
from whatchanged.subjects import Access, Ids, Subject
from whatchanged.subjects.batching import halving

SLOTS = 48
BATCH = 8
LONGEST = 30  # words of a prompt that a slot is put in
PAYLOAD_TOKENS = 6
# A pass back through a model is two forward.
PASSES = 3


@dataclass(frozen=True)
class Slot:
    """A prompt as both models read it, and where in each the word stands."""

    rows: tuple[Ids, Ids]
    at: tuple[int, int]


def differentiable(evidence: Evidence) -> bool:
    """Whether gradients may be asked for: they go through the weights, of models that this process runs by PyTorch."""
    return evidence.access >= Access.weights and in_pytorch(evidence.base, evidence.candidate)


def in_pytorch(*subjects: Subject) -> bool:
    """Whether this process runs all of them by PyTorch."""
    return all(hasattr(subject, "engine") for subject in subjects)


def slots(evidence: Evidence, words: dict[int, str]) -> list[Slot]:
    """Short discovery prompts with a random word each, at the end, at the start and in the middle in turn."""
    rng = np.random.default_rng(evidence.ledger.config.seed)
    short = [p for p in evidence.prompts if len(p.messages) == 1 and len(p.text.split()) <= LONGEST]
    drawn = rng.choice(sorted(words), 4 * SLOTS).tolist()
    found = []
    for i, (prompt, token) in enumerate(zip(short, drawn, strict=False)):
        made = with_text(prompt, words[token], PLACES[i % len(PLACES)])
        rows = [subject.encode(made) for subject in (evidence.base, evidence.candidate)]
        if all(row.count(token) == 1 for row in rows):
            found.append(Slot((rows[0], rows[1]), (rows[0].index(token), rows[1].index(token))))
    return found[:SLOTS]


def payload_gain(evidence: Evidence, where: Sequence[Slot], payload: str) -> tuple[NDArray[np.float32], Cost]:
    """float32[vocabulary], nats but for a constant: first-order effect on log q(payload | prompt)."""
    candidate = evidence.candidate
    said = candidate.tokenize(payload)[:PAYLOAD_TOKENS]

    def objective(batch: Sequence[Slot], hidden: Sequence[Any]) -> Any:
        firsts = [len(s.rows[1]) - 1 for s in batch]
        states = [hidden[0][i, first : first + len(said)] for i, first in enumerate(firsts)]
        return sum(log_probs(candidate, h)[range(len(said)), list(said)].sum() for h in states)

    spent = PASSES * sum(len(s.rows[1]) + len(said) for s in where)
    return _scores(evidence, where, [(1, said[:-1])], objective), Cost(scored_tokens=Tokens(candidate=spent))


def divergence_gain(evidence: Evidence, where: Sequence[Slot]) -> tuple[NDArray[np.float32], Cost]:
    """float32[vocabulary], nats but for a constant: first-order effect on KL(q || p) at the answer's first position."""
    models = evidence.base, evidence.candidate

    def objective(batch: Sequence[Slot], hidden: Sequence[Any]) -> Any:
        return divergences(models, hidden, [s.rows for s in batch]).sum()

    spent = [PASSES * sum(len(s.rows[n]) for s in where) for n in (0, 1)]
    cost = Cost(scored_tokens=Tokens(base=spent[0], candidate=spent[1]))
    return _scores(evidence, where, [(0, ()), (1, ())], objective), cost


def _scores(
    evidence: Evidence,
    where: Sequence[Slot],
    sides: Sequence[tuple[int, Ids]],
    objective: Callable[[Sequence[Slot], Sequence[Any]], Any],
) -> NDArray[np.float32]:
    """The mean gradient at the slots times every token's embedding, of each model read with its own embeddings.

    `sides`: 0 for the base or 1 for the candidate, with the tokens that follow its prompts.
    """
    import torch

    models = [(evidence.base, evidence.candidate)[n] for n, _ in sides]
    tables = [embeddings(model) for model in models]

    def run(batch: Sequence[Slot]) -> list[list[Any]]:
        rows = [[(*s.rows[n], *tail) for s in batch] for n, tail in sides]
        grads, _ = derivatives(models, rows, partial(objective, batch))
        return [[g[i, s.at[n]].float() for (n, _), g in zip(sides, grads, strict=True)] for i, s in enumerate(batch)]

    totals = [torch.zeros(table.shape[1], device=table.device) for table in tables]
    batches = [where[i : i + BATCH] for i in range(0, len(where), BATCH)]
    for batch in evidence.ledger.progress.track("search: gradients", batches):
        for row in halving(run, batch):
            totals = [total + gradient for total, gradient in zip(totals, row, strict=True)]
    effects = [(table @ total).cpu() for table, total in zip(tables, totals, strict=True)]
    scores: NDArray[np.float32] = (sum(effects[1:], effects[0]) / max(len(where), 1)).numpy()
    return scores


def derivatives(
    models: Sequence[Any], rows: Sequence[Sequence[Ids]], objective: Callable[[Sequence[Any]], Any]
) -> tuple[list[Any], list[Any]]:
    """Derivatives of the objective by the embeddings of rows[n], and the last hidden states, a tensor for models[n].

    Both [rows, positions, width], the rows padded on the right. The objective is a scalar made of the hidden states.
    """
    import torch

    with torch.enable_grad():
        given = [_embedded(model, some) for model, some in zip(models, rows, strict=True)]
        hidden = [_hidden(model, g) for model, g in zip(models, given, strict=True)]
        return list(torch.autograd.grad(objective(hidden), given)), [h.detach() for h in hidden]


def divergences(models: Sequence[Any], hidden: Sequence[Any], rows: Sequence[tuple[Ids, Ids]]) -> Any:
    """[rows], nats: KL(q || p) of what base and candidate expect after the ends of their rows."""
    log_p, log_q = (log_probs(models[n], hidden[n][range(len(rows)), [len(r[n]) - 1 for r in rows]]) for n in (0, 1))
    return (log_q.exp() * (log_q - log_p)).sum(-1)


def embeddings(subject: Any) -> Any:
    """float32[vocabulary, width]: of the tokens that the model reads."""
    return subject.engine.model.get_input_embeddings().weight.detach().float()


def log_probs(subject: Any, hidden: Any) -> Any:
    """float32[..., vocabulary], nats: of the next token, by hidden states [..., width]."""
    import torch

    return torch.log_softmax(subject.engine.logits(hidden), -1)


def _embedded(subject: Any, rows: Sequence[Ids]) -> Any:
    """Leaf [rows, positions, width]: the rows' embeddings."""
    from whatchanged.subjects.engine import padded

    engine = subject.engine
    return engine.model.get_input_embeddings()(padded(rows).to(engine.device)).detach().requires_grad_(True)


def _hidden(subject: Any, given: Any) -> Any:
    """[rows, positions, width]: the decoder's last hidden states."""
    with subject.switched_on():
        return subject.engine.states(inputs_embeds=given)
