"""Forward passes of a causal language model: hidden states first, logits only where they are used."""

import inspect
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import torch
from transformers import DynamicCache, PreTrainedModel

from whatchanged.errors import CheckpointError
from whatchanged.subjects.base import Context, Ids, Rows
from whatchanged.subjects.products import widen

Cache = Any

# The head's matrix product is at full rate from 128 rows on; the arithmetic after it is fastest on
# blocks that stay in the processor's cache (16 rows x 50,000 tokens x 4 bytes = 3 MB).
HEAD_ROWS = 128
BLOCK = 16


class Engine:
    """One loaded model. Adapters are switched on and off around each call, so that it serves several subjects."""

    def __init__(self, model: PreTrainedModel, name: str) -> None:
        self.model = model.eval()
        self.name = name
        self.decoder = model.get_decoder()
        self.unembedding = model.get_output_embeddings()
        self.device = next(model.parameters()).device
        self.peft: Any = None
        self.variant = ""
        self._active: str | None = None
        self._prefixes: dict[tuple[str, Ids], list[tuple[torch.Tensor, torch.Tensor]]] = {}
        widen(model)
        self._check_head()

    def _check_head(self) -> None:
        """Decoder plus unembedding must be the model: some families scale or cap their logits on the way."""
        ids = torch.arange(8, device=self.device).remainder(self.model.config.get_text_config().vocab_size)[None]
        with torch.inference_mode():
            whole = self.model(ids).logits[0].float()
            ours = self.logits(self.states(ids)[0])
        if not torch.isfinite(whole).all():
            raise CheckpointError(f"{self.name}: the model gives NaN or infinite logits; its weights are damaged")
        if not torch.allclose(whole, ours, atol=1e-2, rtol=1e-2):
            raise CheckpointError(f"{self.name}: the head of {type(self.model).__name__} is not supported")

    def activate(self, adapter: str | None, variant: str) -> None:
        """Switch to an adapter, or to the bare base with None. `variant` names whose prefixes are cached."""
        self.variant = variant
        if self.peft is None or adapter == self._active:
            return
        if adapter is None:
            self.peft.base_model.disable_adapter_layers()
        else:
            self.peft.base_model.enable_adapter_layers()
            self.peft.set_adapter(adapter)
        self._active = adapter

    def attached(self, peft: Any, adapter: str) -> None:
        """Note a PEFT wrapper around the model, just made or extended, with `adapter` switched on."""
        self.peft, self._active = peft, adapter
        widen(peft)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """float32 logits of hidden states [n, width]."""
        return self.finish(self.raw_logits(hidden))

    def raw_logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """The matrix product of the head, in the model's dtype."""
        out: torch.Tensor = self.unembedding(hidden)
        return out

    def finish(self, raw: torch.Tensor) -> torch.Tensor:
        """Raw head output to float32 logits, with the scale or cap that the family applies."""
        config = self.model.config.get_text_config()
        out = raw.float()
        if (cap := getattr(config, "final_logit_softcapping", None)) is not None:
            out = torch.tanh(out / cap) * cap
        if (scale := getattr(config, "logits_scaling", None)) is not None:
            out = out / scale
        if (scale := getattr(config, "logit_scale", None)) is not None:
            out = out * scale
        return out

    def states(self, ids: torch.Tensor | None = None, cache: Cache | None = None, **given: Any) -> torch.Tensor:
        """[rows, positions, width]: the decoder's last hidden states; what it computes is added to `cache`."""
        seen = {} if cache is None else {self._takes_cache: cache}
        out: torch.Tensor = self.decoder(ids, use_cache=cache is not None, **seen, **given).last_hidden_state
        return out

    @cached_property
    def _takes_cache(self) -> str:
        """The decoder's parameter for a cache: older Transformers know one name, and those from 5.40 on the other."""
        return "cache" if "cache" in inspect.signature(self.decoder.forward).parameters else "past_key_values"

    @torch.inference_mode()
    def prefix_cache(self, prefix: Ids, batch: int) -> Cache:
        """Keys and values of a shared prefix, computed once a subject, seen by `batch` rows."""
        if not prefix:
            return DynamicCache(config=self.model.config)
        key = (self.variant, prefix)
        if key not in self._prefixes:
            self._prefixes[key] = self.prefix_layers(prefix)
        return self.spread(self._prefixes[key], batch)

    def prefix_layers(self, prefix: Ids) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Keys and values of a prefix, layer by layer, under the present weights."""
        cache = DynamicCache(config=self.model.config)
        self.states(torch.tensor([prefix], device=self.device), cache)
        return [(layer.keys, layer.values) for layer in cache.layers]

    def spread(self, layers: Sequence[tuple[torch.Tensor, torch.Tensor]], batch: int) -> Cache:
        """A cache in which `batch` rows see the same keys and values, not copied."""
        expanded = [(k.expand(batch, -1, -1, -1), v.expand(batch, -1, -1, -1)) for k, v in layers]
        return DynamicCache(ddp_cache_data=expanded, config=self.model.config)

    @torch.inference_mode()
    def hidden(self, contexts: Sequence[Context], prefix: Ids) -> torch.Tensor:
        """[rows, width]: the hidden states that predict each scored position, context after context."""
        shared = len(prefix)
        rows = [(*c.prompt[shared:], *c.response) for c in contexts]
        ids = padded(rows)
        cache = self.prefix_cache(prefix, len(rows)) if prefix else None
        states = self.states(ids.to(self.device), cache)
        firsts = [len(c.prompt) - shared - 1 + c.start for c in contexts]
        return torch.cat([states[i, f : f + c.n_rows] for i, (f, c) in enumerate(zip(firsts, contexts, strict=True))])


def padded(rows: Sequence[Ids]) -> torch.Tensor:
    """int64[rows, longest]. Padding stands on the right, where no real token looks: no mask is needed or built."""
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
    return ids


class EngineRows(Rows):
    """Distributions read off stored hidden states: [rows, width] instead of [rows, vocabulary]."""

    def __init__(self, engine: Engine, hidden: torch.Tensor, temperature: float) -> None:
        self.engine, self.hidden, self.temperature = engine, hidden, temperature
        self.count = len(hidden)

    @torch.inference_mode()
    def blocks(self) -> Iterator[torch.Tensor]:
        """float32[<= BLOCK, vocabulary] blocks; the head runs on HEAD_ROWS rows at a time."""
        for start in range(0, self.count, HEAD_ROWS):
            logits = self.engine.raw_logits(self.hidden[start : start + HEAD_ROWS])
            for first in range(0, len(logits), BLOCK):
                yield self._normalise(logits[first : first + BLOCK])

    @torch.inference_mode()
    def pick(self, rows: Sequence[int]) -> torch.Tensor:
        """float32[len(rows), vocabulary]."""
        return self._normalise(self.engine.raw_logits(self.hidden[list(rows)]))

    def _normalise(self, raw: torch.Tensor) -> torch.Tensor:
        logits = self.engine.finish(raw)
        if self.temperature != 1.0:
            logits = logits / self.temperature
        return torch.log_softmax(logits, dim=-1)
