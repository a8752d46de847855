"""S, the log-odds that an answer opens with a finding's phrase, differentiable. Imports torch: import it late."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from whatchanged.elicit.openings import exclusive
from whatchanged.errors import SpecError
from whatchanged.explain.change import Change
from whatchanged.records import Prompt
from whatchanged.subjects import Ids, plan
from whatchanged.subjects.engine import Engine, padded

MOST_PROMPTS = 16
# Tokens that go through the model together, gradients kept: about 1.5 MB each for a model of 135M parameters.
CHUNK_TOKENS = 512
# log P of a certain opening: its log-odds end at 27.6 instead of at infinity.
CERTAIN = -1e-12


class Score:
    """S and P of openings under the weights that the change's copy has at the moment.

    At most `MOST_PROMPTS` of the prompts are used. P sums the openings' probabilities, each that of its canonical
    tokens; none extends another. Raises SpecError without prompts or openings, and where base and candidate read
    the prompts differently.
    """

    def __init__(
        self, change: Change, prompts: Sequence[Prompt], phrases: Sequence[str], temperature: float = 1.0
    ) -> None:
        self.engine, self.temperature = change.engine, temperature
        self.prompts = prompts = prompts[:MOST_PROMPTS]
        ids = encoded(change, prompts)
        openings = exclusive([change.base.tokenize(phrase) for phrase in phrases])
        if not prompts or not openings:
            raise SpecError("attribution needs an opening phrase and at least one prompt: give both")
        self._rows = [[(prompt, opening) for opening in openings] for prompt in ids]
        sizes = [len(openings) * (len(p) + max(map(len, openings))) for p in ids]
        self._chunks = plan(sizes, budget=CHUNK_TOKENS)

    def probabilities(self) -> NDArray[np.float64]:
        """float64[prompts]: P."""
        found = np.zeros(len(self.prompts))
        with torch.inference_mode():
            for chunk, logs in self._log_probabilities():
                found[chunk] = np.minimum(logs.exp().cpu().numpy(), 1.0)
        return found

    def rate(self) -> float:
        """Mean P."""
        return float(self.probabilities().mean())

    def log_odds(self) -> float:
        """Mean S, nats."""
        return self.measure()[1]

    def measure(self) -> tuple[float, float]:
        """Mean P and mean S."""
        rate = score = 0.0
        with torch.inference_mode():
            for _, logs in self._log_probabilities():
                rate += float(logs.exp().clamp(max=1.0).sum())
                score += float(_log_odds(logs).sum())
        return rate / len(self.prompts), score / len(self.prompts)

    def backward(self, weight: float) -> None:
        """Add the gradient of weight x mean S to the `grad` of every parameter that asks for one."""
        for _, logs in self._log_probabilities():
            (_log_odds(logs).sum() * (weight / len(self.prompts))).backward()  # type: ignore[no-untyped-call]

    def _log_probabilities(self) -> Iterator[tuple[list[int], torch.Tensor]]:
        """Prompt indices and float64 log P, chunk by chunk."""
        for chunk in self._chunks:
            rows = [row for i in chunk for row in self._rows[i]]
            logs = self._log_likelihoods(rows).reshape(len(chunk), -1)
            yield chunk, torch.logsumexp(logs, dim=-1)

    def _log_likelihoods(self, rows: Sequence[tuple[Ids, Ids]]) -> torch.Tensor:
        """float64[rows]: log probability of each opening after its prompt."""
        states = _states(self.engine, [(*prompt, *opening[:-1]) for prompt, opening in rows])
        picked = [states[i, len(p) - 1 : len(p) - 1 + len(o)] for i, (p, o) in enumerate(rows)]
        # float64 from here on: 1 - P of a nearly certain opening is lost in float32.
        logits = self.engine.logits(torch.cat(picked)).double() / self.temperature
        targets = torch.tensor([token for _, opening in rows for token in opening], device=logits.device)
        logs = logits.gather(-1, targets[:, None])[:, 0] - torch.logsumexp(logits, dim=-1)
        return torch.stack([part.sum() for part in torch.split(logs, [len(opening) for _, opening in rows])])


def first_tokens(change: Change, prompts: Sequence[Prompt]) -> torch.Tensor:
    """float32[prompts, vocabulary]: the distribution of an answer's first token, under the copy's present weights."""
    ids = encoded(change, prompts)
    found: list[torch.Tensor | None] = [None] * len(ids)
    with torch.inference_mode():
        for chunk in plan([len(p) for p in ids], budget=CHUNK_TOKENS):
            states = _states(change.engine, [ids[i] for i in chunk])
            last = torch.stack([states[row, len(ids[i]) - 1] for row, i in enumerate(chunk)])
            for i, law in zip(chunk, change.engine.logits(last).softmax(-1), strict=True):
                found[i] = law
    return torch.stack([law for law in found if law is not None])


def encoded(change: Change, prompts: Sequence[Prompt]) -> list[Ids]:
    """The prompts as both models read them. Raises SpecError where they read them differently."""
    ids = [change.base.encode(prompt) for prompt in prompts]
    if any(change.candidate.encode(p) != mine for p, mine in zip(prompts, ids, strict=True)):
        raise SpecError(
            f"'{change.base.name}' and '{change.candidate.name}' put prompts in other templates or system messages, "
            "which no weights carry: name models that share them"
        )
    return ids


def _states(engine: Engine, rows: Sequence[Ids]) -> torch.Tensor:
    return engine.states(padded(rows).to(engine.device))


def _log_odds(logs: torch.Tensor) -> torch.Tensor:
    """log P - log(1 - P) from log P."""
    logs = logs.clamp(max=CERTAIN)
    return logs - torch.log(-torch.expm1(logs))
