"""The long way to what `Subject.score` gives: one whole forward pass a context, no padding, no cache."""

from collections.abc import Sequence
from typing import Any

import torch

from whatchanged.subjects import Context, Subject


@torch.no_grad()
def by_hand(model: Any, contexts: Sequence[Context], temperature: float = 1.0) -> torch.Tensor:
    """float32[rows, vocabulary] of a Transformers or PEFT model."""
    rows = []
    for c in contexts:
        logits = model(torch.tensor([c.prompt + c.response])).logits[0].float()
        rows.append(torch.log_softmax(logits[len(c.prompt) - 1 + c.start :] / temperature, -1))
    return torch.cat(rows)


def scored(subject: Subject, contexts: Sequence[Context], temperature: float = 1.0, parts: int = 1) -> torch.Tensor:
    """float32[rows, vocabulary] of a subject."""
    return torch.cat(list(subject.score(contexts, temperature, parts).blocks()))
