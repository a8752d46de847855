"""The first-order shift: where the logits at the response's first position would go along dtheta.

The derivative of f(theta + a dtheta) at a = 0 is a Jacobian-vector product (Pearlmutter 1994). Here it runs forward:
the output y = W h of each changed layer has the tangent W h' + dW h, and h' is what the layers below passed on.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from whatchanged.ledger import Progress
from whatchanged.records import Prompt, Record, TokenShift
from whatchanged.subjects import Subject, plan
from whatchanged.subjects.base import Ids
from whatchanged.subjects.batching import BATCH_TOKENS, halving
from whatchanged.subjects.engine import padded
from whatchanged.subjects.transformers import TransformersSubject
from whatchanged.weights.predict.directions import Directions, ReadDirections, in_force, weights_of

# PyTorch leaves its functions untyped.
dual: Any = forward_ad
# Steps of the finite difference: rounding of the hidden states must stay below the change.
STEP = {torch.float32: 1 / 16}
COARSE_STEP = 0.5


class Foreseen(Record):
    """What the change would do to the first token of the answer to a prompt, by its first-order logits.

    `kl` is KL(q || p) in nats between the base's p and q = softmax(logits + change). `gained` tokens have the largest
    q log(q / p), which is their weight; `lost` tokens the largest p log(p / q).
    """

    prompt_id: str
    kl: float
    gained: tuple[TokenShift, ...]
    lost: tuple[TokenShift, ...]


def first_order(
    base: Subject,
    directions: ReadDirections,
    prompts: Sequence[Prompt],
    top: int = 8,
    *,
    batch_tokens: int = BATCH_TOKENS // 2,
    progress: Progress | None = None,
) -> list[Foreseen]:
    """One `Foreseen` a prompt, with `top` tokens each way, at the cost of about three passes of the base.

    Raises AccessError below 'weights'.
    """
    owner, progress = weights_of(base), progress or Progress()
    rows = [base.encode(p) for p in prompts]
    apart = [not base.common_prefix([ids]) for ids in rows]
    progress.stage("predict: first-order shift", len(prompts))
    found: dict[int, Foreseen] = {}
    for batch in plan([len(ids) for ids in rows], apart, batch_tokens):
        shared = base.common_prefix([rows[i] for i in batch])

        def run(some: Sequence[int], shared: int = shared) -> list[tuple[int, Foreseen]]:
            logits, change = logit_change(owner, directions.modules, [rows[i] for i in some], rows[some[0]][:shared])
            return [
                (i, _foreseen(base, prompts[i].id, *pair, top))
                for i, pair in zip(some, zip(logits, change, strict=True), strict=True)
            ]

        found |= halving(run, batch)
        progress.advance(len(batch))
    return [found[i] for i in range(len(prompts))]


def logit_change(
    base: TransformersSubject, modules: Sequence[Directions], rows: Sequence[Ids], prefix: Ids = ()
) -> tuple[torch.Tensor, torch.Tensor]:
    """(logits, their derivative along dtheta), float32[rows, vocabulary] each, after the last token of each row.

    All rows begin with `prefix`. By forward-mode differentiation with the plain attention; by a central difference
    where an operation of the model has no forward derivative.
    """
    try:
        return forward_mode(base, modules, rows, prefix)
    except (NotImplementedError, RuntimeError) as error:
        if "forward" not in str(error).lower():
            raise
    return central_difference(base, modules, rows, prefix)


@torch.no_grad()
def forward_mode(
    base: TransformersSubject, modules: Sequence[Directions], rows: Sequence[Ids], prefix: Ids
) -> tuple[torch.Tensor, torch.Tensor]:
    """Exact but for rounding. The changes of the prefix's keys and values count too. Raises NotImplementedError."""

    def add(output: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        primal, tangent = dual.unpack_dual(output)
        out: torch.Tensor = dual.make_dual(primal, change if tangent is None else tangent + change)
        return out

    hooks = [(m.module, _adding(base.engine, m, add)) for m in modules]
    with ExitStack() as stack:
        stack.enter_context(in_force(base, hooks))
        stack.enter_context(dual.dual_level())
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        primal, tangent = dual.unpack_dual(_logits(base.engine, rows, prefix))
        return primal, torch.zeros_like(primal) if tangent is None else tangent


@torch.no_grad()
def central_difference(
    base: TransformersSubject, modules: Sequence[Directions], rows: Sequence[Ids], prefix: Ids
) -> tuple[torch.Tensor, torch.Tensor]:
    """(f(theta + e dtheta) - f(theta - e dtheta)) / 2e, which errs by O(e^2); so do the logits, the two's mean."""
    step = STEP.get(base.engine.model.dtype, COARSE_STEP)
    ends = []
    for e in (step, -step):

        def add(output: torch.Tensor, change: torch.Tensor, e: float = e) -> torch.Tensor:
            return output + e * change

        with in_force(base, [(m.module, _adding(base.engine, m, add)) for m in modules]):
            ends.append(_logits(base.engine, rows, prefix))
    return (ends[0] + ends[1]) / 2, (ends[0] - ends[1]) / (2 * step)


def _adding(engine: Any, directions: Directions, add: Any) -> Any:
    read = torch.from_numpy(directions.right * directions.values).to(engine.device)
    write = torch.from_numpy(directions.left).to(engine.device)

    def hook(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        given = dual.unpack_dual(inputs[0]).primal  # outside a dual level: the tensor itself
        out: torch.Tensor = add(output, ((given.float() @ read) @ write.T).to(output.dtype))
        return out

    return hook


def _logits(engine: Any, rows: Sequence[Ids], prefix: Ids) -> torch.Tensor:
    """As `Engine.hidden`, but the prefix is computed again, under the changed weights, and derivatives may flow."""
    ids = padded([row[len(prefix) :] for row in rows])
    cache = engine.spread(engine.prefix_layers(prefix), len(rows)) if prefix else None
    states = engine.states(ids.to(engine.device), cache)
    last = torch.tensor([len(row) - len(prefix) - 1 for row in rows], device=states.device)
    out: torch.Tensor = engine.logits(states[torch.arange(len(rows), device=states.device), last])
    return out


def _foreseen(base: Subject, prompt_id: str, logits: torch.Tensor, change: torch.Tensor, top: int) -> Foreseen:
    log_p, log_q = torch.log_softmax(logits, -1), torch.log_softmax(logits + change, -1)
    p, q = log_p.exp(), log_q.exp()
    gain, loss = q * (log_q - log_p), p * (log_p - log_q)

    def listed(weights: torch.Tensor) -> tuple[TokenShift, ...]:
        best = weights.topk(min(top, len(weights)))
        return tuple(
            TokenShift(token=t, text=base.detokenize([t]), p=float(p[t]), q=float(q[t]), weight=w)
            for t, w in zip(best.indices.tolist(), best.values.tolist(), strict=True)
            if w > 0
        )

    return Foreseen(prompt_id=prompt_id, kl=max(0.0, float(gain.sum())), gained=listed(gain), lost=listed(loss))
