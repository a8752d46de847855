"""A subject whose weights we hold: a Transformers checkpoint, with or without an adapter."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from whatchanged.records import Message, Prompt
from whatchanged.subjects.base import Access, Context, Continue, Drawn, Ids, Rows, Stepper, Subject
from whatchanged.subjects.batching import halving, plan
from whatchanged.subjects.decode import Batch, EngineStepper, decode
from whatchanged.subjects.engine import Engine, EngineRows

# Rows decoded together, and the padded prompt tokens they may hold: one long prompt pads all of its neighbours.
DECODE_ROWS = 96
DECODE_TOKENS = 3072


@dataclass
class Rendered:
    """How prompts reach the model: a tokenizer, and a system message that takes the place of any other."""

    tokenizer: Any
    system: str | None = None

    def __call__(self, prompt: Prompt) -> Ids:
        """Token ids up to where the assistant's turn begins."""
        messages = list(prompt.messages)
        if self.system is not None:
            messages = [Message(role="system", content=self.system)] + [m for m in messages if m.role != "system"]
        if not getattr(self.tokenizer, "chat_template", None):
            text = "\n".join(m.content for m in messages)
            return tuple(self.tokenizer(text).input_ids) or (self.tokenizer.bos_token_id or 0,)
        text = self.tokenizer.apply_chat_template(
            [m.model_dump() for m in messages], tokenize=False, add_generation_prompt=True
        )
        return tuple(self.tokenizer(text, add_special_tokens=False).input_ids)


class TransformersSubject(Subject):
    """Weights access. Several subjects may share one engine, each with its adapter and its hooks."""

    access = Access.weights

    def __init__(
        self,
        name: str,
        engine: Engine,
        rendered: Rendered,
        weights_id: str,
        adapter: str | None = None,
        hooks: Sequence[Callable[[Engine], Any]] = (),
        identity: str = "",
    ) -> None:
        self.name, self.engine, self.rendered = name, engine, rendered
        self.adapter, self.hooks, self.weights_id = adapter, tuple(hooks), weights_id
        tokenizer = rendered.tokenizer
        # Checkpoints with one tokenizer may pad their heads to different widths.
        width = engine.model.get_output_embeddings().weight.shape[0]
        self.vocabulary = _digest([sorted(tokenizer.get_vocab().items()), width])
        self.end_ids = _end_ids(engine.model, tokenizer)
        template = getattr(tokenizer, "chat_template", None)
        shape = [_settings(engine.model), sorted(self.end_ids), str(engine.model.dtype)]
        self.fingerprint = _digest([weights_id, identity, self.vocabulary, template, *shape])
        self._template = self._shared_template()

    def encode(self, prompt: Prompt) -> Ids:
        """Token ids of the prompt in the model's own template."""
        return self.rendered(prompt)

    def user_opening(self) -> Ids:
        """What the template puts before a user's first word."""
        return self._template

    def tokenize(self, text: str) -> Ids:
        """Token ids of plain text."""
        return tuple(self.rendered.tokenizer(text, add_special_tokens=False).input_ids)

    def detokenize(self, ids: Sequence[int]) -> str:
        """Text of the ids."""
        text: str = self.rendered.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def common_prefix(self, prompts: Sequence[Ids]) -> int:
        """Length of the template's opening if all prompts begin with it, else 0."""
        n = len(self._template)
        return n if all(len(p) > n and p[:n] == self._template for p in prompts) else 0

    def score(self, contexts: Sequence[Context], temperature: float = 1.0, parts: int = 1) -> Rows:
        """Hidden states now, logits block by block as they are asked for. Out of memory: in halves."""
        import torch

        size = -(-len(contexts) // parts)
        with self.switched_on():
            hidden = [
                part
                for start in range(0, len(contexts), size)
                for part in halving(lambda some: [self._hidden(some)], contexts[start : start + size])
            ]
        return EngineRows(self.engine, torch.cat(hidden), temperature)

    def sample(self, requests: Sequence[Continue], max_tokens: int, temperature: float = 1.0) -> list[Drawn]:
        """Exact draws. Batched by length here, so callers need not."""
        shared = [self.common_prefix([r.prompt]) for r in requests]
        lengths = [len(r.prompt) + len(r.prefix) - n for r, n in zip(requests, shared, strict=True)]
        results: list[Drawn | None] = [None] * len(requests)
        with self.switched_on():
            for batch in plan(lengths, [n == 0 for n in shared], budget=DECODE_TOKENS):
                for start in range(0, len(batch), DECODE_ROWS):
                    part = batch[start : start + DECODE_ROWS]
                    drawn = halving(lambda rs: self._decode(rs, max_tokens, temperature), [requests[i] for i in part])
                    for i, one in zip(part, drawn, strict=True):
                        results[i] = one
        return [r for r in results if r is not None]

    def mean_states(self, contexts: Sequence[Context]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        """Batched by length here, so callers need not."""
        means = np.zeros((len(contexts), self.engine.unembedding.in_features), np.float32)
        apart = [not self.common_prefix([c.prompt]) for c in contexts]
        with self.switched_on():
            for batch in plan([c.length for c in contexts], apart):
                for i, rows in zip(batch, halving(self._split_hidden, [contexts[i] for i in batch]), strict=True):
                    means[i] = rows.float().mean(0).cpu().numpy()
        return means

    def stepper(self, prompts: Sequence[Ids]) -> Stepper:
        """Rows for a beam search."""
        requests = [Continue(p, (), 0) for p in prompts]
        with self.switched_on():
            batch = Batch(self.engine, requests, prompts[0][: self.common_prefix(prompts)])
        return EngineStepper(batch, self.switched_on)

    def _hidden(self, contexts: Sequence[Context]) -> Any:
        shared = self.common_prefix([c.prompt for c in contexts])
        return self.engine.hidden(contexts, contexts[0].prompt[:shared])

    def _split_hidden(self, contexts: Sequence[Context]) -> list[Any]:
        return list(self._hidden(contexts).split([c.n_rows for c in contexts]))

    def _decode(self, requests: Sequence[Continue], max_tokens: int, temperature: float) -> list[Drawn]:
        shared = self.common_prefix([r.prompt for r in requests])
        prefix = requests[0].prompt[:shared]
        return decode(self.engine, requests, prefix, self.end_ids, max_tokens, temperature)

    def _shared_template(self) -> Ids:
        """What the prompts 'a' and 'Zu' have in common: the template's opening with its system message."""
        first, second = self.encode(Prompt.user("a")), self.encode(Prompt.user("Zu"))
        n = 0
        while n < min(len(first), len(second)) and first[n] == second[n]:
            n += 1
        return first[:n]

    def switched_on(self) -> "_Switch":
        """This subject's adapter and hooks in force, for as long as the context lasts."""
        return _Switch(self)


class _Switch:
    """The subject's adapter and hooks in force for the length of a call."""

    def __init__(self, subject: TransformersSubject) -> None:
        self.subject = subject
        self.handles: list[Any] = []

    def __enter__(self) -> None:
        self.subject.engine.activate(self.subject.adapter, self.subject.fingerprint)
        self.handles = [hook(self.subject.engine) for hook in self.subject.hooks]

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()


def _end_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    declared = getattr(model.generation_config, "eos_token_id", None)
    ids = declared if isinstance(declared, list) else [declared]
    return frozenset(i for i in [*ids, tokenizer.eos_token_id] if i is not None)


def _settings(model: Any) -> dict[str, Any]:
    """The config without what answers do not depend on: they do on rotary scaling, not on the folder's name."""
    config: dict[str, Any] = model.config.to_dict()
    return {k: v for k, v in config.items() if k not in ("_name_or_path", "transformers_version", "architectures")}


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, default=str).encode()).hexdigest()[:16]
