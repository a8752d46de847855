"""What both models make of the tokens that a sweep puts first."""

from collections.abc import Sequence

import numpy as np

from whatchanged.records import Record
from whatchanged.subjects import Context, Subject, pair_batches
from whatchanged.weights.dtypes import Floats
from whatchanged.weights.predict.frames import frame_of


class Swept(Record):
    """A token, or a name (then `token_id` is None), and how far it stands out.

    `score` is the mean over modules of log(1 + z), z the largest standardised read energy over the positions, averaged
    over the templates; `module` is where z is largest, `z` its value there. `shift` is the symmetric Kullback-Leibler
    divergence between candidate and base at the response's first position, nats, where it was measured.
    """

    text: str
    token_id: int | None = None
    score: float
    module: str
    z: float
    shift: float | None = None


def by_shift(base: Subject, candidate: Subject, swept: Sequence[Swept], templates: Sequence[str]) -> list[Swept]:
    """Tokens with their mean shift over the templates, the largest first. Each side uses its own chat template."""
    frames = [(frame_of(base, template), frame_of(candidate, template)) for template in templates]
    tokens = [s.token_id for s in swept if s.token_id is not None]
    rows = [(Context(a.around(t)), Context(b.around(t))) for a, b in frames for t in tokens]
    shifts = _symmetric(base, candidate, rows).reshape(len(frames), -1).mean(0)
    measured = [s.model_copy(update={"shift": float(shift)}) for s, shift in zip(swept, shifts, strict=True)]
    return sorted(measured, key=lambda s: -(s.shift or 0.0))


def _symmetric(base: Subject, candidate: Subject, rows: Sequence[tuple[Context, Context]]) -> Floats:
    """float32[rows]: KL(p || q) + KL(q || p) of the next token, nats."""
    import torch

    found = np.zeros(len(rows), np.float32)
    for batch in pair_batches(base, candidate, rows):
        sides = [side.score([rows[i][n] for i in batch]) for n, side in enumerate((base, candidate))]
        with torch.inference_mode():
            parts = [
                ((p.exp() - q.exp()) * (p - q)).sum(-1).cpu()
                for p, q in zip(sides[0].blocks(), sides[1].blocks(), strict=True)
            ]
        found[batch] = torch.cat(parts).numpy()
    return found
