"""Prompts on which the models part most, from fluent to whatever parts them: token by token, along the gradient.

Evolutionary prompt optimisation (Thompson et al. 2024, Fluent dreaming for language models) with the step of GCG
(Zou et al. 2023): each weight of fluency keeps its own best prompt, of all that were tried for any weight.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from whatchanged.pools import normalise
from whatchanged.records import Cost, Prompt
from whatchanged.search.drafts import Draft, Drafts, Leanings, Rated
from whatchanged.search.finder import Evidence, Proposed
from whatchanged.search.gradient import differentiable
from whatchanged.search.inserted import WordFinder
from whatchanged.search.origin import from_pool
from whatchanged.subjects import Access, stream, stream_key

# Discovery prompts that a call starts from, and the words that they may have.
STARTS = 4
SHORTEST, LONGEST = 3, 20
# Nats of divergence that a nat a token of fluency is worth: from whatever parts the models to what users write.
WEIGHTS = (0.0, 0.3, 1.0, 3.0)
# Of the best tokens at every position, how many are tried in a step, for each weight.
LEADING, TRIED = 32, 12
# A start is left after so many steps that improved nothing.
DULL = 6


class GradientSearch(WordFinder):
    """Discovery prompts rewritten token by token so that the two models' answers part as far as they can."""

    name = "gradient"
    needs = Access.weights

    def find(self, evidence: Evidence, tokens: int) -> Proposed:
        """From each of four short prompts the best at each weight of fluency, if it parts the models more than it."""
        if not differentiable(evidence):
            return Proposed([], Cost(), "needs gradients: of models that this process runs by PyTorch")
        # What is left screens the proposals.
        budget = tokens - STARTS * len(WEIGHTS) * evidence.price
        if budget < STARTS * evidence.price:
            return Proposed([], Cost(), f"{tokens:,} tokens are too few to begin")
        drafts = Drafts(evidence, budget)
        starts = drafts.score(_starts(evidence, drafts))
        if not starts:
            return Proposed([], drafts.cost, "the pool has no short prompt to start from")
        seed = f"{evidence.ledger.config.seed}/{evidence.round}"
        fronts = [Front(drafts, start, stream(stream_key(self.name, seed, n))) for n, start in enumerate(starts)]
        going = fronts
        while going:
            going = [front for front in going if front.step()]
        known = {normalise(p) for p in evidence.prompts}
        best = {Prompt.user(r.draft.text, source=self.name): r for front in fronts for r in front.proposed()}
        found = sorted((p for p in best if normalise(p) not in known), key=lambda p: (-best[p].divergence, p.text))
        return Proposed(found, drafts.cost, _note(fronts, [best[p] for p in found]))


class Front:
    """The best draft at each weight, of all that were made from one start."""

    def __init__(self, drafts: Drafts, start: Rated, rng: np.random.Generator) -> None:
        self.drafts, self.start, self.rng = drafts, start, rng
        self.best = {weight: start for weight in WEIGHTS}
        self.steps = self.dull = 0
        self._tried = {start.draft.text}

    def step(self) -> bool:
        """Try substitutions in the best drafts. False where another step cannot be paid, or promises nothing."""
        members = list({r.draft.text: r.draft for r in self.best.values()}.values())
        leanings = dict(zip(members, self.drafts.leanings(members), strict=False))
        made = [d for weight, r in self.best.items() if r.draft in leanings
                for d in self._children(r.draft, leanings[r.draft], weight)]  # fmt: skip
        rated = self.drafts.score(made)
        before = dict(self.best)
        for weight in WEIGHTS:
            self.best[weight] = max([self.best[weight], *rated], key=lambda r: r.value(weight))
        self.steps += bool(rated)
        self.dull = 0 if self.best != before else self.dull + 1
        return bool(rated) and self.dull < DULL

    def proposed(self) -> list[Rated]:
        """Those that part the models more than the start."""
        return [r for r in self.best.values() if r.divergence > self.start.divergence]

    def _children(self, draft: Draft, leanings: Leanings, weight: float) -> Iterator[Draft]:
        """Drafts with another token in one place, drawn from those that lead there."""
        merit = leanings.gain + weight * leanings.likelier / len(draft.tokens)
        merit[:, ~self.drafts.writable] = -np.inf
        leading = np.argpartition(-merit, LEADING - 1, axis=1)[:, :LEADING]
        for at, n in zip(*(self.rng.integers(size, size=TRIED) for size in leading.shape), strict=True):
            tokens = (*draft.tokens[:at], int(leading[at, n]), *draft.tokens[at + 1 :])
            child = self.drafts.read(self.drafts.models[0].detokenize(tokens))
            if child is not None and child.text not in self._tried:
                self._tried.add(child.text)
                yield child


def _starts(evidence: Evidence, drafts: Drafts) -> list[Draft]:
    """Short prompts of the pool in an order of the seed's; each round takes the next."""
    rng = stream(stream_key("gradient", evidence.ledger.config.seed))
    prompts = [evidence.prompts[i] for i in from_pool(evidence)]
    short = [p for p in prompts if len(p.messages) == 1 and SHORTEST <= len(p.text.split()) <= LONGEST]
    read = [draft for i in rng.permutation(len(short)) if (draft := drafts.read(short[i].text)) is not None]
    first = STARTS * evidence.round % max(len(read), 1)
    return [*read[first:], *read[:first]][:STARTS]


def _note(fronts: Sequence[Front], found: Sequence[Rated]) -> str:
    steps = sum(front.steps for front in fronts)
    before = max(front.start.divergence for front in fronts)
    told = f"{steps} steps from {len(fronts)} prompts: "
    if not found:
        return f"{told}none parts the models more than they do"
    return f"{told}the answers' first words part by up to {found[0].divergence:.2f} nats, before by {before:.2f}"
