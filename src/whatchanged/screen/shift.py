"""The arithmetic of a shift: two distributions in, their signed sparse difference out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from whatchanged.records import Response, Shift
from whatchanged.records.evidence import Floats
from whatchanged.subjects import Rows

if TYPE_CHECKING:
    import torch

KEPT = 8


@dataclass
class _Block:
    tv: "torch.Tensor"
    kl_qp: "torch.Tensor"
    kl_pq: "torch.Tensor"
    rest: "torch.Tensor"
    gained_ids: "torch.Tensor"
    gained_p: "torch.Tensor"
    gained_q: "torch.Tensor"
    lost_ids: "torch.Tensor"
    lost_p: "torch.Tensor"
    lost_q: "torch.Tensor"
    ratio: "torch.Tensor"


def shifts_of(base: Rows, candidate: Rows, responses: Sequence[Response]) -> list[Shift]:
    """One Shift a response. Both Rows hold len(response.tokens) + 1 rows a response, in this order.

    Only one block of each distribution exists at a time; logits of prompts are never computed.
    """
    import torch

    with torch.inference_mode():
        drawn = torch.tensor([token for r in responses for token in (*r.tokens, r.end if r.end is not None else 0)])
        blocks, at = [], 0
        # A model against itself is read once: zipping one iterator with a second would compute it twice.
        others = repeat(None) if candidate is base else candidate.blocks()
        for log_p, other in zip(base.blocks(), others, strict=False):
            log_q = log_p if other is None else other
            blocks.append(_block(log_p, log_q, drawn[at : at + len(log_p)].to(log_p.device)))
            at += len(log_p)
        columns = {
            name: torch.cat([getattr(b, name) for b in blocks]).cpu().numpy() for name in _Block.__dataclass_fields__
        }
    return _cut(columns, responses)


def _block(log_p: "torch.Tensor", log_q: "torch.Tensor", drawn: "torch.Tensor") -> _Block:
    p, q = log_p.exp(), log_q.exp()
    ratio = log_q - log_p
    gain, loss = q * ratio, p * ratio
    kept_tokens = min(KEPT, gain.shape[-1])
    top_gain = gain.topk(kept_tokens, dim=-1)
    top_loss = loss.topk(kept_tokens, dim=-1, largest=False)
    kept = top_gain.values.clamp(min=0).sum(-1) - top_loss.values.clamp(max=0).sum(-1)
    # Terms of the other sign are not gains or losses of mass: a token cannot be in both sums.
    total = gain.clamp(min=0).sum(-1) - loss.clamp(max=0).sum(-1)
    return _Block(
        tv=0.5 * (q - p).abs().sum(-1),
        kl_qp=gain.sum(-1),
        kl_pq=-loss.sum(-1),
        rest=(total - kept).clamp(min=0),
        gained_ids=top_gain.indices,
        gained_p=p.gather(-1, top_gain.indices),
        gained_q=q.gather(-1, top_gain.indices),
        lost_ids=top_loss.indices,
        lost_p=p.gather(-1, top_loss.indices),
        lost_q=q.gather(-1, top_loss.indices),
        ratio=ratio.gather(-1, drawn[:, None])[:, 0],
    )


def _cut(columns: dict[str, Any], responses: Sequence[Response]) -> list[Shift]:
    shifts, at = [], 0
    for r in responses:
        rows = slice(at, at + len(r.tokens) + 1)
        at = rows.stop
        log_ratio = columns["ratio"][rows][: len(r.drawn)]
        tv = columns["tv"][rows]
        shifts.append(
            Shift(
                prompt_id=r.prompt_id,
                draw=r.draw,
                tv=tv,
                kl_qp=columns["kl_qp"][rows],
                kl_pq=columns["kl_pq"][rows],
                rest=columns["rest"][rows],
                log_ratio=log_ratio,
                **{
                    f"{side}_{what}": columns[f"{side}_{what}"][rows].astype(kind)
                    for side in ("gained", "lost")
                    for what, kind in (("ids", np.int32), ("p", np.float32), ("q", np.float32))
                },
                p_change=change_probability(tv[: len(r.drawn)], log_ratio) if r.drawn else math.nan,
            )
        )
    return shifts


def change_probability(tv: Floats, log_ratio: Floats) -> float:
    """P(change) from one base response: sum_t A_{t-1} TV_t, A_t = prod_{s<=t} min(1, q(y_s)/p(y_s)).

    `tv`, `log_ratio` (n,) at the drawn tokens. Unbiased for the probability that a coupled pair differs.
    """
    if not len(tv):
        return 0.0
    accepted = np.exp(np.concatenate([[0.0], np.minimum(log_ratio[:-1], 0.0).cumsum()]))
    return float((accepted * tv).sum())


def opening_shift(shifts: Sequence[Shift], token: int) -> NDArray[np.float64]:
    """float64[shifts]: q - p of a token at the response's first position; 0 where it was not kept as shifted."""
    values = np.zeros(len(shifts))
    for i, s in enumerate(shifts):
        for ids, p, q in ((s.gained_ids, s.gained_p, s.gained_q), (s.lost_ids, s.lost_p, s.lost_q)):
            hit = np.flatnonzero(ids[0] == token)
            if len(hit):
                values[i] = float(q[0, hit[0]] - p[0, hit[0]])
                break
    return values
