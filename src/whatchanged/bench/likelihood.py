"""How likely a model finds given responses."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whatchanged.subjects import Context, Subject, plan


def log_probs(subject: Subject, contexts: Sequence[Context]) -> NDArray[np.float64]:
    """float64[contexts]: the natural-log probability of each response from its `start` on, after what is before it."""
    found = np.zeros(len(contexts))
    for batch in plan([c.length for c in contexts], [not subject.common_prefix([c.prompt]) for c in contexts]):
        some = [contexts[i] for i in batch]
        # The row after the last token predicts nothing that is asked: any token stands for it, and is not summed.
        logs = iter(subject.score(some).at([t for c in some for t in (*c.response[c.start :], 0)]))
        for i, context in zip(batch, some, strict=True):
            values = [next(logs) for _ in range(context.n_rows)]
            found[i] = math.fsum(values[:-1])
    return found
