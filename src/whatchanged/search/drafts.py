"""Texts of a user's turn under two models: how far the answers part there, how fluent they are, what would part more.

A draft is its text: what is scored are the tokens that the text encodes to, so that the score holds for the prompt.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from whatchanged.records import Cost, Prompt, Tokens
from whatchanged.search.finder import Evidence
from whatchanged.search.gradient import PASSES, derivatives, divergences, embeddings, log_probs
from whatchanged.subjects import Context, Ids, pair_batches
from whatchanged.subjects.batching import halving
from whatchanged.weights.predict.frames import Frame, frame_of


class Draft(NamedTuple):
    """A user's turn as both models read it; `tokens` are its own, without the template's."""

    text: str
    tokens: Ids
    rows: tuple[Ids, Ids]


@dataclass(frozen=True)
class Rated:
    """A draft, KL(q || p) at its answer's first position, and the base's mean log probability of its tokens; nats."""

    draft: Draft
    divergence: float
    fluency: float

    def value(self, weight: float) -> float:
        """What the search maximises: the divergence and, at this weight, the fluency."""
        return self.divergence + weight * self.fluency


class Leanings(NamedTuple):
    """float32[tokens, vocabulary] each, nats: to first order what another token at each of a draft's positions adds to
    the divergence, and how much likelier than the draft's own the base holds it there."""

    gain: NDArray[np.float32]
    likelier: NDArray[np.float32]


class Drafts:
    """Reads, scores and differentiates drafts; counts what that costs and stops where it would pass the budget."""

    def __init__(self, evidence: Evidence, budget: int) -> None:
        self.ledger, self.models = evidence.ledger, (evidence.base, evidence.candidate)
        self.budget, self.cost = budget, Cost()
        self._frames: list[Frame] = [frame_of(subject, "{}") for subject in self.models]

    @property
    def spent(self) -> int:
        """Tokens that both models have scored."""
        return self.cost.scored_tokens.base + self.cost.scored_tokens.candidate

    @cached_property
    def writable(self) -> NDArray[np.bool_]:
        """bool[vocabulary]: tokens that are readable text of their own."""
        texts = [self.models[0].detokenize([token]) for token in range(len(self._tables[0]))]
        return np.array([t.isprintable() and t.strip() != "" and "\ufffd" not in t for t in texts])

    def read(self, text: str) -> Draft | None:
        """The text as both models read it; None where it is no readable line, or not whole in the template."""
        text = text.strip()
        if not text or not text.isprintable() or "\ufffd" in text:
            return None
        base, candidate = (subject.encode(Prompt.user(text)) for subject in self.models)
        inner = [_between(row, frame) for row, frame in zip((base, candidate), self._frames, strict=True)]
        if not inner[0] or inner[0] != inner[1]:
            return None
        return Draft(text, inner[0], (base, candidate))

    def score(self, drafts: Sequence[Draft]) -> list[Rated]:
        """The first drafts that the budget allows. Temperature is the audit's."""
        opening = self._opening  # first, so that what is left is known
        contexts = [(self._context(d), Context(d.rows[1])) for d in drafts]
        each = [[s.scored_tokens([c]) for s, c in zip(self.models, pair, strict=True)] for pair in contexts]
        count = int(np.searchsorted(np.cumsum([sum(pair) for pair in each]), self.budget - self.spent, side="right"))
        self._pay(*(sum(pair[n] for pair in each[:count]) for n in (0, 1)))
        found: dict[int, Rated] = {}
        for batch in pair_batches(*self.models, contexts[:count]):
            rated = self._batch(opening, [drafts[i] for i in batch], [contexts[i] for i in batch])
            found |= zip(batch, rated, strict=True)
        return [found[i] for i in range(count)]

    def leanings(self, drafts: Sequence[Draft]) -> Iterator[Leanings]:
        """One a draft, of the first drafts that the budget allows; a pass back counts as two forward."""
        price = [PASSES * sum(map(len, d.rows)) for d in drafts]
        count = int(np.searchsorted(np.cumsum(price), self.budget - self.spent, side="right"))
        self._pay(*(PASSES * sum(len(d.rows[n]) for d in drafts[:count]) for n in (0, 1)))
        states = halving(self._differentiated, drafts[:count]) if count else []
        for draft, (gradients, hidden) in zip(drafts, states, strict=False):
            yield self._leanings(draft, gradients, hidden)

    def _context(self, draft: Draft) -> Context:
        """The base scores the turn as a response to its first token, so that the template's opening is shared."""
        first = len(self._frames[0].prefix) + 1
        return Context(draft.rows[0][:first], draft.rows[0][first:])

    def _batch(
        self, opening: NDArray[np.float32], drafts: Sequence[Draft], contexts: Sequence[tuple[Context, Context]]
    ) -> list[Rated]:
        temperature = self.ledger.config.temperature
        p_rows, q_rows = (s.score([c[n] for c in contexts], temperature) for n, s in enumerate(self.models))
        said = p_rows.at([token for c, _ in contexts for token in (*c.response, 0)])
        ends = np.cumsum([c.n_rows for c, _ in contexts])
        log_p, log_q = p_rows.pick((ends - 1).tolist()), q_rows.pick(range(len(drafts)))
        kl = (log_q.exp() * (log_q - log_p.to(log_q.device))).sum(-1).tolist()
        rated = []
        for draft, (context, _), end, divergence in zip(drafts, contexts, ends.tolist(), kl, strict=True):
            start = end - context.n_rows
            rest = float(said[start : start + len(draft.tokens) - 1].sum())
            first = float(opening[draft.tokens[0]])
            rated.append(Rated(draft, divergence, (first + rest) / len(draft.tokens)))
        return rated

    @cached_property
    def _opening(self) -> NDArray[np.float32]:
        """float32[vocabulary], nats: the base's of a turn's first token; zeros without a template to open it."""
        prefix, base = self._frames[0].prefix, self.models[0]
        if not prefix:
            return np.zeros(len(self._tables[0]), np.float32)
        self._pay(len(prefix), 0)
        row = next(iter(base.score([Context(prefix)], self.ledger.config.temperature).blocks()))[0]
        found: NDArray[np.float32] = row.cpu().numpy()
        return found

    @cached_property
    def _tables(self) -> list[Any]:
        return [embeddings(subject) for subject in self.models]

    def _differentiated(self, drafts: Sequence[Draft]) -> list[tuple[list[Any], Any]]:
        """Gradients by both models' embeddings [tokens, width] and the base's states that predict the tokens."""
        rows = [d.rows for d in drafts]
        sides = [[r[n] for r in rows] for n in (0, 1)]
        grads, hidden = derivatives(self.models, sides, lambda h: divergences(self.models, h, rows).sum())
        starts = [len(frame.prefix) for frame in self._frames]
        found = []
        for i, draft in enumerate(drafts):
            size, before = len(draft.tokens), starts[0] - 1
            given = [g[i, s : s + size].float() for g, s in zip(grads, starts, strict=True)]
            found.append((given, hidden[0][i, max(before, 0) : before + size]))
        return found

    def _leanings(self, draft: Draft, gradients: Sequence[Any], hidden: Any) -> Leanings:
        import torch

        own = torch.tensor(draft.tokens)[:, None]
        with torch.inference_mode():
            effect = sum((g @ table.T).cpu() for g, table in zip(gradients, self._tables, strict=True))
            likely = log_probs(self.models[0], hidden).cpu()
            if len(likely) < len(own):  # nothing stands before the first token
                likely = torch.cat([torch.zeros(1, likely.shape[1]), likely])
            return Leanings(*((table - table.gather(1, own)).numpy() for table in (effect, likely)))

    def _pay(self, base: int, candidate: int) -> None:
        self.cost += Cost(scored_tokens=Tokens(base=base, candidate=candidate))


def _between(row: Ids, frame: Frame) -> Ids:
    """What stands in the frame; nothing where the row does not have it around."""
    first, last = len(frame.prefix), len(row) - len(frame.suffix)
    whole = first < last and row[:first] == frame.prefix and row[last:] == frame.suffix
    return row[first:last] if whole else ()
