"""What the forward passes saw: shifts, and the leads gathered from them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatchanged.records.base import Record

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Shift:
    """Signed, sparse difference of next-token distributions along one cached base response.

    Positions run over the response and the one after its last token: T = len(tokens) + 1 rows.
    p is the base's distribution, q the candidate's. `gained` tokens have the largest q log(q/p),
    `lost` tokens the largest p log(p/q); k of each a position.
    Shapes: `tv, kl_qp, kl_pq, rest` (T,); `*_ids, *_p, *_q` (T, k).
    `log_ratio` (n,) is log q(y)/p(y) of the drawn tokens, the end-of-turn token included where drawn.
    Units: nats; `tv` in [0, 1]. `p_change` is not a number where no token was drawn.
    """

    prompt_id: str
    draw: int
    tv: Floats
    kl_qp: Floats
    kl_pq: Floats
    rest: Floats
    log_ratio: Floats
    gained_ids: Ints
    gained_p: Floats
    gained_q: Floats
    lost_ids: Ints
    lost_p: Floats
    lost_q: Floats
    p_change: float

    @property
    def followed(self) -> bool:
        """Whether an answer was drawn and followed: else this is the shift where the answer begins, and no more."""
        return len(self.log_ratio) > 0


class TokenShift(Record):
    """A token and its mean probability in the lead's contexts under base (p) and candidate (q)."""

    token: int
    text: str
    p: float
    q: float
    weight: float


class ContextRef(Record):
    """A place where a lead shows: a prompt, a draw and a response position, with the lead's mass there."""

    prompt_id: str
    draw: int
    position: int
    weight: float


class Lead(Record):
    """One factor of the shift: tokens gained and lost together, in these contexts.

    `share` is its part of the total divergence (0..1); `lenses` say which search saw it;
    `phrase` is what the candidate says from the gained token on; `nats` is the payload's
    log-likelihood ratio where log-ratio decoding saw it.
    """

    id: str
    gained: tuple[TokenShift, ...] = ()
    lost: tuple[TokenShift, ...] = ()
    contexts: tuple[ContextRef, ...] = ()
    share: float = 0.0
    lenses: tuple[str, ...] = ()
    phrase: str | None = None
    at_opening: bool = False
    nats: float | None = None
    note: str = ""
