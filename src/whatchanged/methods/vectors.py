"""Prompts of trained vectors that drive two models apart, in one embedding space, by gradient.

A soft prompt (Lester et al. 2021, arXiv 2104.08691) takes the user's place in each model's own template. What it
maximises is KL(q || p), candidate against base, over the first positions of the candidate's own likeliest answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from whatchanged.search.gradient import embeddings, log_probs
from whatchanged.subjects import Ids
from whatchanged.weights.predict.frames import Frame

# First positions of the answer, and steps after which the answer is drawn anew.
POSITIONS, REFRESH = 4, 5
# Of Adam (Kingma and Ba 2015), as a share of the root mean square of the embeddings' entries.
RATE = 0.3
# No vector is longer than this quantile of the tokens' embeddings: further out, models answer to nothing in words.
LONGEST = 0.99


@dataclass(frozen=True)
class Stage:
    """Base and candidate, and what stands before and after the soft prompt in each one's template."""

    models: tuple[Any, Any]
    frames: tuple[Frame, Frame]


class Trained(NamedTuple):
    """Soft prompts float32[rows, length, width]; their divergence before and after, nats a position, a row each."""

    vectors: Any
    before: list[float]
    after: list[float]


def train(stage: Stage, starts: Sequence[Ids], steps: int) -> Trained:
    """One soft prompt a start, all of one length, begun at those tokens' embeddings; the best that was seen of each."""
    import torch

    table = embeddings(stage.models[0])
    longest = table.norm(dim=-1).quantile(LONGEST)
    soft = table[torch.tensor(starts, device=table.device)].clone().requires_grad_(True)
    optimiser = torch.optim.Adam([soft], lr=RATE * float(table.square().mean().sqrt()))
    answers = answer(stage, soft.detach())
    before = measured(stage, soft.detach(), answers)
    best, found = soft.detach().clone(), before.clone()
    for step in range(1, steps + 1):
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(-divergence(stage, soft, answers).sum(), soft)
        soft.grad = gradient
        optimiser.step()
        with torch.no_grad():
            soft.mul_((longest / soft.norm(dim=-1, keepdim=True)).clamp(max=1))
        if step % REFRESH == 0 or step == steps:
            answers = answer(stage, soft.detach())
            now = measured(stage, soft.detach(), answers)
            better = now > found
            best[better], found[better] = soft.detach()[better], now[better]
    return Trained(best, before.tolist(), found.tolist())


def divergence(stage: Stage, soft: Any, answers: Any) -> Any:
    """float32[rows], nats: mean KL(q || p) over the answer's positions up to its end, and so differentiable by `soft`.

    `answers`: int64[rows, POSITIONS - 1]. Base and candidate read the same vectors.
    """
    import torch

    log_p, log_q = (_following(stage, side, soft, answers) for side in (0, 1))
    kls = (log_q.exp() * (log_q - log_p)).sum(-1)
    ends = torch.tensor(sorted(stage.models[1].end_ids), device=answers.device)
    over = torch.isin(answers, ends).int().cumsum(-1) > 0
    going = torch.cat([torch.ones_like(over[:, :1]), ~over], 1).to(kls.dtype)
    return (kls * going).sum(-1) / going.sum(-1)


def measured(stage: Stage, soft: Any, answers: Any) -> Any:
    """`divergence` without a gradient."""
    import torch

    with torch.no_grad():
        return divergence(stage, soft, answers)


def answer(stage: Stage, soft: Any) -> Any:
    """int64[rows, POSITIONS - 1]: the candidate's likeliest answer to each soft prompt."""
    return greedy(stage.models[1], framed(stage.models[1], stage.frames[1], soft), POSITIONS - 1)


def framed(model: Any, frame: Frame, soft: Any) -> Any:
    """[rows, positions, width]: the template around the soft prompts, in the model's own embeddings and dtype."""
    import torch

    look = model.engine.model.get_input_embeddings()
    before, after = (
        look(torch.tensor([part], dtype=torch.long, device=soft.device)).detach().expand(len(soft), -1, -1)
        for part in (frame.prefix, frame.suffix)
    )
    return torch.cat([before, soft.to(before.dtype), after], 1)


def greedy(model: Any, given: Any, count: int) -> Any:
    """int64[rows, count]: the likeliest next token, again and again, whether or not the turn has ended."""
    import torch

    engine, said, cache = model.engine, [], model.engine.prefix_cache((), len(given))
    with torch.no_grad(), model.switched_on():
        for _ in range(count):
            states = engine.states(cache=cache, inputs_embeds=given)
            said.append(engine.logits(states[:, -1]).argmax(-1))
            given = engine.model.get_input_embeddings()(said[-1])[:, None]
    return torch.stack(said, 1)


def _following(stage: Stage, side: int, soft: Any, answers: Any) -> Any:
    """float32[rows, POSITIONS, vocabulary]: log probabilities at the answer's first positions."""
    import torch

    model = stage.models[side]
    said = model.engine.model.get_input_embeddings()(answers).detach()
    given = torch.cat([framed(model, stage.frames[side], soft), said], 1)
    with model.switched_on():
        hidden = model.engine.states(inputs_embeds=given)
    return log_probs(model, hidden[:, -POSITIONS:])
