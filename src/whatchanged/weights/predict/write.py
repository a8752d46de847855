"""Write directions: the tokens that each changed layer pushes up or down, and whether that is beyond chance."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from whatchanged.records import Record
from whatchanged.subjects import Subject
from whatchanged.weights.dtypes import Floats
from whatchanged.weights.predict.directions import Directions, ReadDirections, in_force, weights_of

if TYPE_CHECKING:
    import torch

LEVEL = 0.01
# The leading directions of a layer that are read: at most so many, none below this share of the largest.
LEADING = 4
SMALL = 0.1
# A query projection may be as wide as the stream too, so that the width alone does not tell.
WRITERS = re.compile(r"(?:^|\.)(?:o_proj|out_proj|dense|down_proj|dense_4h_to_h|c_proj|fc_out|fc2|wo|w2)$")


class TokenLogit(Record):
    """A token and the logit that a write direction of the stream's own size gives it."""

    token: int
    text: str
    logit: float


class Written(Record):
    """One write direction of one layer, read through the final norm and the unembedding.

    A singular direction has no sign of its own: it is turned so that its strongest token is promoted. `value` is its
    singular value, `share` its part of |dW|_F^2. `strongest` is max |logit|, and `p` = (1 + b) / (1 + B), b of the B
    random directions of the same norm having one as large.
    """

    module: str
    layer: int | None
    number: int
    value: float
    share: float
    promoted: tuple[TokenLogit, ...]
    demoted: tuple[TokenLogit, ...]
    strongest: float
    p: float

    @property
    def reading(self) -> bool:
        """Whether it says more than chance: p <= 0.01, for this direction alone."""
        return self.p <= LEVEL


def write_directions(
    base: Subject, directions: ReadDirections, top: int = 10, null: int = 999, seed: int = 0
) -> list[Written]:
    """The leading write directions of every layer that writes into the residual stream, in the checkpoint's order.

    At most four a layer; `top` tokens each way; `null` random directions (one set for all layers: the statistic does
    not depend on the layer). Later layers in between are left out (the logit lens, nostalgebraist 2020). Raises
    AccessError below 'weights'.
    """
    import torch

    owner = weights_of(base)
    width = owner.engine.model.config.get_text_config().hidden_size
    with torch.inference_mode(), in_force(owner):
        chance = _chance(owner.engine, width, null, seed)
        found = [_readings(base, owner.engine, m, top, chance) for m in writers(base, directions)]
    return [written for readings in found for written in readings]


def writers(base: Subject, directions: ReadDirections) -> list[Directions]:
    """The layers that write into the residual stream. Raises AccessError below 'weights'."""
    width = weights_of(base).engine.model.config.get_text_config().hidden_size
    return [m for m in directions.modules if WRITERS.search(m.module) and len(m.left) == width]


def leading(directions: Directions) -> int:
    """How many of a layer's directions are read."""
    return int((directions.values[:LEADING] >= SMALL * directions.values[0]).sum())


def _readings(
    base: Subject, engine: Any, directions: Directions, top: int, chance: NDArray[np.float64]
) -> list[Written]:
    logits = _read_out(engine, directions.left[:, : leading(directions)].T)
    shares = directions.held * directions.values**2 / (directions.values**2).sum()
    found = []
    for number, row in enumerate(logits):
        row = row if row.max() >= -row.min() else -row
        strongest = float(row.max())
        found.append(
            Written(
                module=directions.module,
                layer=directions.layer,
                number=number,
                value=float(directions.values[number]),
                share=float(shares[number]),
                promoted=_listed(base, row, top, largest=True),
                demoted=_listed(base, row, top, largest=False),
                strongest=strongest,
                p=float(1 + (chance >= strongest).sum()) / (1 + len(chance)),
            )
        )
    return found


def _listed(base: Subject, row: "torch.Tensor", top: int, largest: bool) -> tuple[TokenLogit, ...]:
    best = row.topk(min(top, len(row)), largest=largest)
    pairs: Sequence[tuple[int, float]] = list(zip(best.indices.tolist(), best.values.tolist(), strict=True))
    return tuple(TokenLogit(token=t, text=base.detokenize([t]), logit=value) for t, value in pairs)


def _chance(engine: Any, width: int, null: int, seed: int) -> NDArray[np.float64]:
    """float64[null]: max |logit| of directions drawn uniformly from the sphere."""
    drawn = np.random.default_rng(seed).standard_normal((null, width), np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    parts = [_read_out(engine, drawn[i : i + 128]).abs().amax(-1).double().cpu().numpy() for i in range(0, null, 128)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _read_out(engine: Any, rows: Floats) -> "torch.Tensor":
    """float32[rows, vocabulary]: logits of unit directions [rows, width], each at the size of a stream of unit RMS.

    Those of a zero stream are subtracted: they are the norm's and the head's biases.
    """
    import torch

    norm = _final_norm(engine.decoder)
    streams = torch.from_numpy(np.ascontiguousarray(rows) * np.float32(rows.shape[1] ** 0.5))
    streams = torch.cat([streams, torch.zeros(1, rows.shape[1])]).to(engine.device, engine.model.dtype)
    logits: torch.Tensor = engine.raw_logits(norm(streams)).float()
    return logits[:-1] - logits[-1]


def _final_norm(decoder: Any) -> Any:
    """The decoder's last norm outside its layers; nothing where it has none."""
    norms = [m for m in decoder.children() if "norm" in type(m).__name__.lower()]
    return norms[-1] if norms else lambda streams: streams
