"""How likely both models are to answer with a given payload, prompt by prompt, and what asking that costs."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whatchanged.records import Cost, Lead, Prompt, Tokens
from whatchanged.search.finder import Evidence
from whatchanged.subjects import Context, Subject, plan

# A payload's later tokens follow from its first: they cost, and tell little of the trigger.
PAYLOAD_TOKENS = 4


def payloads(leads: Sequence[Lead]) -> list[Lead]:
    """Those that log-ratio decoding read, the strongest first."""
    read = [lead for lead in leads if lead.nats is not None and lead.phrase]
    return sorted(read, key=lambda lead: -(lead.nats or 0.0))


class Odds:
    """Scores a payload's first tokens as the answer to prompts, within a budget of candidate's tokens."""

    def __init__(self, evidence: Evidence, payload: str, budget: int) -> None:
        self.base, self.candidate, self.ledger = evidence.base, evidence.candidate, evidence.ledger
        self.payload = self.base.tokenize(payload)[:PAYLOAD_TOKENS]
        self.budget, self.cost = budget, Cost()

    @property
    def left(self) -> int:
        """Tokens that the candidate may still score."""
        return self.budget - self.cost.scored_tokens.candidate

    def price(self, prompt: Prompt) -> int:
        """Tokens that the candidate scores for this prompt."""
        return self.candidate.scored_tokens([Context(self.candidate.encode(prompt), self.payload[:-1])])

    def of(self, prompts: Sequence[Prompt]) -> NDArray[np.float64]:
        """float64[prompts, 2], nats: log p and log q of the payload. The first prompts that the budget allows."""
        log_q = self.candidates(prompts)
        return np.stack([self.bases(prompts[: len(log_q)]), log_q], 1)

    def candidates(self, prompts: Sequence[Prompt]) -> NDArray[np.float64]:
        """float64[prompts], nats: the candidate's log q of the payload. The first prompts that the budget allows."""
        contexts = [Context(self.candidate.encode(p), self.payload[:-1]) for p in prompts]
        spent = np.cumsum([self.candidate.scored_tokens([c]) for c in contexts])
        contexts = contexts[: int(np.searchsorted(spent, self.left, side="right"))]
        self.cost += Cost(scored_tokens=Tokens(candidate=self.candidate.scored_tokens(contexts)))
        return self._log_probs(self.candidate, contexts)

    def bases(self, prompts: Sequence[Prompt]) -> NDArray[np.float64]:
        """float64[prompts], nats: the base's log p of the payload."""
        contexts = [Context(self.base.encode(p), self.payload[:-1]) for p in prompts]
        self.cost += Cost(scored_tokens=Tokens(base=self.base.scored_tokens(contexts)))
        return self._log_probs(self.base, contexts)

    def _log_probs(self, subject: Subject, contexts: Sequence[Context]) -> NDArray[np.float64]:
        # The payload's last token is predicted, and predicts nothing: no context holds it.
        found = np.zeros(len(contexts))
        apart = [not subject.common_prefix([c.prompt]) for c in contexts]
        batches = plan([c.length for c in contexts], apart)
        for batch in self.ledger.progress.track("search: trigger inversion", batches):
            rows = subject.score([contexts[i] for i in batch], self.ledger.config.temperature)
            found[batch] = rows.at(self.payload * len(batch)).reshape(len(batch), len(self.payload)).sum(1)
        return found
