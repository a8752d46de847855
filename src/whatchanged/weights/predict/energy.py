"""Read energy: how much of what the base's layers are given meets the change, without running the candidate."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from whatchanged.ledger import Progress
from whatchanged.records import Prompt
from whatchanged.subjects import Context, Subject, plan
from whatchanged.subjects.base import Ids
from whatchanged.subjects.batching import BATCH_TOKENS, halving
from whatchanged.weights.dtypes import Floats
from whatchanged.weights.predict.directions import Directions, ReadDirections, in_force, weights_of

# Keys and values of a batch: every row holds its own copy of the shared prefix while a pass runs.
CACHE_BYTES = 512 << 20


@dataclass(frozen=True)
class Energy:
    """Read energies |dW h| / |W h| of a pool under the base, h the input that the base itself gives the module.

    `peak` float32[prompts, modules] is the largest over the prompt's positions after the shared template prefix,
    `last` the one at the position that predicts the response's first token. Modules by their path in the model.
    """

    prompt_ids: tuple[str, ...]
    modules: tuple[str, ...]
    peak: Floats
    last: Floats

    @property
    def scores(self) -> Floats:
        """float32[prompts]: mean over modules of `peak`, each module relative to its median over the pool."""
        return relative(self.peak).mean(1) if self.modules else np.zeros(len(self.prompt_ids), np.float32)

    @property
    def last_scores(self) -> Floats:
        """float32[prompts]: the same of `last`."""
        return relative(self.last).mean(1) if self.modules else np.zeros(len(self.prompt_ids), np.float32)


def read_energy(
    base: Subject,
    directions: ReadDirections,
    prompts: Sequence[Prompt],
    *,
    batch_tokens: int = BATCH_TOKENS,
    progress: Progress | None = None,
) -> Energy:
    """One pass of the base over the prompts (no head, no candidate). Only norms are kept.

    `batch_tokens` padded tokens go through together; it does not change the result beyond rounding.
    Raises AccessError below 'weights'.
    """
    progress = progress or Progress()
    encoded = [base.encode(p) for p in prompts]
    modules = in_decoder(base, directions)
    peak = np.zeros((len(prompts), len(modules)), np.float32)
    last = np.zeros_like(peak)
    progress.stage("predict: read energy", len(prompts))
    opening = base.user_opening()
    for prefix in dict.fromkeys((opening, ())):
        rows = [i for i, ids in enumerate(encoded) if (opening if base.common_prefix([ids]) else ()) == prefix]
        for n, found in ratios(base, modules, [encoded[i] for i in rows], prefix, batch_tokens):
            peak[rows[n]], last[rows[n]] = found.max(0), found[-1]
            progress.advance()
    return Energy(tuple(p.id for p in prompts), tuple(m.module for m in modules), peak, last)


def relative(table: Floats) -> Floats:
    """float32[rows, modules] over each column's median; over its mean where more than half of it is 0."""
    scale = np.median(table, 0)
    scale = np.where(scale > 0, scale, table.mean(0))
    return (table / np.where(scale > 0, scale, 1)).astype(np.float32)


def in_decoder(base: Subject, directions: ReadDirections) -> list[Directions]:
    """All but the head, which these passes do not run."""
    engine = weights_of(base).engine
    return [m for m in directions.modules if engine.model.get_submodule(m.module) is not engine.unembedding]


def ratios(
    base: Subject, modules: Sequence[Directions], rows: Sequence[Ids], prefix: Ids, batch_tokens: int = BATCH_TOKENS
) -> Iterator[tuple[int, Floats]]:
    """Yield (i, float32[positions, modules]) for each row, longest first: |dW h| / |W h| after the shared prefix.

    All rows begin with `prefix`, whose keys and values are computed once. A module that is not run at every position
    (an expert) counts as 0.
    """
    import torch

    owner = weights_of(base)
    engine = owner.engine
    watches = [(m.module, _watch(engine, m)) for m in modules]
    seen: dict[str, Any] = {}
    hooks = [(path, _noting(seen, path, watch)) for path, watch in watches]
    with in_force(owner):
        # Before the hooks, which would take its positions for the rows'.
        held = engine.prefix_cache(prefix, 1) if prefix else None
    most = _rows_at_once(held, len(prefix), max((len(r) for r in rows), default=1))

    def run(batch: Sequence[int]) -> list[tuple[int, Floats]]:
        seen.clear()
        engine.hidden([Context(rows[i]) for i in batch], prefix)
        shape = (len(batch), len(rows[batch[0]]) - len(prefix))
        blank = torch.zeros(shape, device=engine.device)
        table = torch.stack([seen.get(path, blank) for path, _ in watches], -1).cpu().numpy()
        return [(i, table[n, : len(rows[i]) - len(prefix)]) for n, i in enumerate(batch)]

    for batch in plan([len(r) - len(prefix) for r in rows], budget=batch_tokens):
        for start in range(0, len(batch), most):
            # Not around the yield: between two batches the model may serve another subject.
            with torch.inference_mode(), in_force(owner, hooks):
                found = halving(run, batch[start : start + most]) if modules else []
            yield from found


def _watch(engine: Any, directions: Directions) -> Callable[[Any, Any], Any]:
    """(input, output) of the module to |dW h| / |W h|, float32[rows, positions]."""
    import torch

    # left has orthonormal columns: |left S right' h| = |S right' h|.
    reader = torch.from_numpy(directions.right * directions.values).to(engine.device)
    module = engine.model.get_submodule(directions.module)
    bias = getattr(getattr(module, "base_layer", module), "bias", None)

    def ratio(inputs: Any, output: Any) -> Any:
        own = output.float() if bias is None else output.float() - bias.float()
        change = torch.linalg.vector_norm(inputs.float() @ reader, dim=-1)
        return change / torch.linalg.vector_norm(own, dim=-1).clamp(min=1e-12)

    return ratio


def _noting(seen: dict[str, Any], path: str, watch: Callable[[Any, Any], Any]) -> Any:
    def note(module: Any, inputs: Any, output: Any) -> None:
        if inputs[0].ndim == 3:
            seen[path] = watch(inputs[0], output)

    return note


def _rows_at_once(cache: Any, prefix: int, longest: int) -> int:
    if cache is None:
        return 1 << 30
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    return max(1, int(CACHE_BYTES / (held / prefix * longest)))
