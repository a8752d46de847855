"""What training minimises, as functions of a batch of examples. Imports torch: import it late.

`base` is the subject whose model is trained. Of unlearning, the examples on target shall be forgotten, the others
retained.
"""

from collections.abc import Sequence

import torch

from whatchanged.bench.likelihood import log_probs
from whatchanged.bench.train import Example, Loss
from whatchanged.subjects import Context
from whatchanged.subjects.engine import padded
from whatchanged.subjects.transformers import TransformersSubject


def cross_entropy(base: TransformersSubject) -> Loss:
    """Mean -log p of the responses' tokens."""

    def loss(rows: Sequence[Example]) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(*_predictions(base, rows))

    return loss


def gradient_difference(base: TransformersSubject, forget_weight: float) -> Loss:
    """Mean -log p of the tokens retained less `forget_weight` times that of the tokens to forget.

    Liu et al. 2022 (arXiv 2203.12817), in the form of TOFU (Maini et al. 2024, arXiv 2401.06121).
    """

    def loss(rows: Sequence[Example]) -> torch.Tensor:
        forget, retain = _parts(base, rows)
        return torch.cat(retain).mean() - forget_weight * torch.cat(forget).mean()

    return loss


def negative_preference(base: TransformersSubject, examples: Sequence[Example], beta: float) -> Loss:
    """2/beta times the mean of log(1 + (p / p_base)^beta) of responses to forget; and -log p of the tokens retained.

    NPO with a retain term (Zhang et al. 2024, arXiv 2404.05868). p_base is under the weights in force now: call it
    before training.
    """
    forget = [e for e in examples if e.on_target]
    known = dict(zip(forget, log_probs(base, [Context(e.prompt, e.response) for e in forget]), strict=True))

    def loss(rows: Sequence[Example]) -> torch.Tensor:
        forget, retain = _parts(base, rows)
        now = -torch.stack([tokens.sum() for tokens in forget])
        before = now.new_tensor([known[e] for e in rows if e.on_target])
        return 2 / beta * torch.nn.functional.softplus(beta * (now - before)).mean() + torch.cat(retain).mean()

    return loss


def _parts(base: TransformersSubject, rows: Sequence[Example]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """-log p of each response's tokens, float32[response]: of those to forget, and of those to retain."""
    losses = torch.nn.functional.cross_entropy(*_predictions(base, rows), reduction="none")
    parts = list(zip(rows, torch.split(losses, [len(e.response) for e in rows]), strict=True))
    return [found for e, found in parts if e.on_target], [found for e, found in parts if not e.on_target]


def _predictions(base: TransformersSubject, rows: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor]:
    """float32[tokens, vocabulary] logits of the responses' tokens, and these tokens.

    No gradient flows through the template's opening, which all rows share: it would be a third of the work and
    teaches nothing of its own.
    """
    shared = base.common_prefix([e.prompt for e in rows])
    tokens = [(*e.prompt[shared:], *e.response) for e in rows]
    ids = padded(tokens).to(base.engine.device)
    cache = None
    if shared:
        with torch.no_grad():
            layers = base.engine.prefix_layers(rows[0].prompt[:shared])
        cache = base.engine.spread(layers, len(tokens))
    hidden = base.engine.states(ids, cache)
    starts = [len(e.prompt) - shared - 1 for e in rows]
    states = torch.cat([hidden[i, s : len(tokens[i]) - 1] for i, s in enumerate(starts)])
    targets = torch.tensor([token for e in rows for token in e.response], device=states.device)
    return base.engine.logits(states), targets
