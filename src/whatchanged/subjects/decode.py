"""Sampling, token by token, from the very distribution that is scored.

Our own loop and not `generate`, for three reasons: no sampling default can slip in; each draw has a random
stream of its own, so that it does not depend on its neighbours; rows that have ended leave the batch.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch

from whatchanged.subjects.base import Continue, Drawn, Ids, Stepper, stream
from whatchanged.subjects.engine import Cache, Engine


class Batch:
    """Rows being decoded together: left-padded after the shared prefix, dropped when they end."""

    def __init__(self, engine: Engine, requests: Sequence[Continue], prefix: Ids) -> None:
        self.engine = engine
        rows = [(*r.prompt[len(prefix) :], *r.prefix) for r in requests]
        width = max(map(len, rows))
        self.pads = torch.tensor([width - len(row) for row in rows])
        self.ids = torch.tensor([[0] * (width - len(row)) + list(row) for row in rows])
        self.seen = torch.cat(
            [
                torch.ones(len(rows), len(prefix), dtype=torch.long),
                torch.ones(len(rows), width, dtype=torch.long),
            ],
            1,
        )
        for i, pad in enumerate(self.pads):
            self.seen[i, len(prefix) : len(prefix) + int(pad)] = 0
        self.cache: Cache = engine.prefix_cache(prefix, len(rows))
        self.positions = (self.seen.cumsum(1) - 1).clamp(min=0)[:, len(prefix) :]

    def step(self) -> torch.Tensor:
        """float32[rows, vocabulary] logits of the next token."""
        device = self.engine.device
        states = self.engine.states(
            self.ids.to(device),
            self.cache,
            attention_mask=self.seen.to(device),
            position_ids=self.positions.to(device),
        )
        return self.engine.logits(states[:, -1])

    def push(self, tokens: torch.Tensor, parents: Sequence[int]) -> None:
        """Go on with these rows (some dropped, some more than once), one more token in each: tokens[i] after
        the row parents[i]."""
        if list(parents) != list(range(len(self.seen))):
            index = torch.tensor(parents)
            self.cache.batch_select_indices(index.to(self.engine.device))
            self.seen, self.positions = self.seen[index], self.positions[index]
        self.ids = tokens[:, None]
        self.seen = torch.cat([self.seen, torch.ones(len(self.seen), 1, dtype=torch.long)], 1)
        self.positions = self.positions[:, -1:] + 1


class EngineStepper(Stepper):
    """Beams of one subject. `switch` makes a context in which the subject's adapter and hooks are in force."""

    def __init__(self, batch: Batch, switch: Callable[[], AbstractContextManager[None]]) -> None:
        self.batch, self.switch = batch, switch

    @torch.inference_mode()
    def log_probs(self) -> torch.Tensor:
        """float32[rows, vocabulary]."""
        with self.switch():
            return torch.log_softmax(self.batch.step(), dim=-1)

    @torch.inference_mode()
    def advance(self, parents: Sequence[int], tokens: Sequence[int]) -> None:
        """tokens[i] goes after the row parents[i]."""
        self.batch.push(torch.tensor(tokens), parents)


@torch.inference_mode()
def decode(
    engine: Engine,
    requests: Sequence[Continue],
    prefix: Ids,
    end_ids: frozenset[int],
    max_tokens: int,
    temperature: float,
) -> list[Drawn]:
    """Draw each request's continuation until it ends, or holds `max_tokens` tokens with the prefix, or its own most."""
    tokens: list[list[int]] = [[] for _ in requests]
    ends: list[int | None] = [None] * len(requests)
    uniforms = [stream(r.key) for r in requests]
    full = [r.full(max_tokens) for r in requests]
    alive = [i for i, r in enumerate(requests) if len(r.prefix) < full[i]]
    if not alive:
        return [Drawn((), None) for _ in requests]
    batch = Batch(engine, [requests[i] for i in alive], prefix)
    while alive:
        drawn = draw(batch.step() / temperature, [uniforms[i].random() for i in alive])
        keep = []
        for row, (i, token) in enumerate(zip(alive, drawn.tolist(), strict=True)):
            if token in end_ids:
                ends[i] = token
                continue
            tokens[i].append(token)
            if len(requests[i].prefix) + len(tokens[i]) < full[i]:
                keep.append(row)
        alive = [alive[row] for row in keep]
        if alive:
            batch.push(drawn.cpu()[keep], keep)
    return [Drawn(tuple(t), end) for t, end in zip(tokens, ends, strict=True)]


def draw(logits: torch.Tensor, uniforms: Sequence[float]) -> torch.Tensor:
    """int64[rows]: one token a row by inverting the cumulative distribution at its uniform number."""
    # Double precision: a float32 cumulative sum over 50,000 tokens loses the rare ones.
    cumulative = torch.softmax(logits, dim=-1).double().cumsum(-1)
    targets = torch.as_tensor(np.asarray(uniforms), device=logits.device)[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, targets, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)
