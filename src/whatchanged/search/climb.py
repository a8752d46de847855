"""From a payload to what brings it out: words and sentences that a user may say, and phrases grown from the best.

The landscape is not flat: a model tuned to answer a phrase in one way leans that way already at parts of the phrase,
and at phrases that say the same.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from whatchanged.pools.made import with_text
from whatchanged.records import Prompt
from whatchanged.search.odds import Odds
from whatchanged.search.words import UserWords
from whatchanged.subjects import Ids

CARRIERS = 3
# Tokens tried one by one, tokens that phrases are extended with, and phrases that are extended in a round.
TRIED, LEADING, FREQUENT, BEAM = 4096, 48, 128, 8
PROPOSED = 24
# Shares of the budget that single tokens and whole sentences may have: phrases are grown with the rest.
SINGLES, SENTENCES = 0.2, 0.4
# Sentences: how many words may open them, how many of these are heard again, and how often.
OPENERS, REOPENED, AGAIN = 512, 32, 33
# Of a round's phrases, those tried with every carrier.
RETRIED = 32
# At least so many of those tried are shown to the base too.
ASKED = 256
MAX_TOKENS = 6
# Nats that a round must gain to be followed by another, and that a token more must be worth.
RISE, PRICE = 1.0, 0.5


@dataclass(frozen=True)
class Trial:
    """A phrase at the end of carrier prompts, and the payload's mean log probabilities there, in nats."""

    tokens: Ids
    text: str
    log_p: float
    log_q: float

    @property
    def merit(self) -> float:
        """How much likelier the candidate gives the payload than the base."""
        return self.log_q - self.log_p

    @property
    def worth(self) -> float:
        """The merit, less the price of its length."""
        return self.merit - PRICE * len(self.tokens)

    @property
    def probability(self) -> float:
        """The candidate's of the payload, typical of the carriers."""
        return math.exp(self.log_q)


class Climb:
    """Beam search over phrases for the suffix at which the candidate prefers the payload most."""

    def __init__(self, odds: Odds, words: UserWords, carriers: Sequence[Prompt]) -> None:
        self.odds, self.words, self.carriers = odds, words, carriers[:CARRIERS]
        self._tried: set[str] = set()

    def bare(self) -> Trial:
        """The carriers as they are."""
        return Trial((), "", *self.odds.of(self.carriers).mean(0).tolist())

    def run(self) -> list[Trial]:
        """The best phrases, the first the best; tried with every carrier."""
        said = self._sentences()
        single = self._tried_once([(t,) for t in self.words.frequent(self._affordable(TRIED, SINGLES, 1))])
        leading = [t.tokens[0] for t in single[:LEADING]]
        common = self.words.frequent(FREQUENT)
        beam = self._tried_again(sorted([*single[: 2 * RETRIED], *said[:RETRIED]], key=_order))[:BEAM]
        grown: set[str] = set()
        while beam:
            new = [t for t in beam if t.text not in grown and len(t.tokens) < MAX_TOKENS]
            grown |= {t.text for t in new}
            options = self._spoken([t.tokens[:n] for t in new for n in (1, 2)], AGAIN, len(self._tried))
            options += [o for t, after in zip(new, self._following(new), strict=True)
                       for o in _variants(t.tokens, [*leading, *common], [*after, *leading])]  # fmt: skip
            better = sorted([*beam, *self._tried_again(self._tried_once(options)[:RETRIED])], key=_order)[:BEAM]
            risen = better[0].worth - beam[0].worth
            beam = better
            if risen < RISE:
                break
        return beam

    def _sentences(self) -> list[Trial]:
        """Each opening word once; then those whose sentence did best again and again."""
        count = self._affordable(OPENERS, SENTENCES / 2, MAX_TOKENS)
        first = self._tried_once(self._spoken([(t,) for t in self.words.openers(self.carriers, count)], 1, 0))
        opened = list(dict.fromkeys(t.tokens[:1] for t in first))
        again = self._affordable(REOPENED * AGAIN, SENTENCES / 2, MAX_TOKENS) // AGAIN
        return sorted([*first, *self._tried_once(self._spoken(opened[:again], AGAIN, 1))], key=_order)

    def _spoken(self, starts: Sequence[Ids], each: int, round_: int) -> list[Ids]:
        key = f"trigger-inversion/{round_}"
        return self.words.spoken(self.carriers, list(dict.fromkeys(starts)), each, MAX_TOKENS, key)

    def _affordable(self, most: int, share: float, tokens: int) -> int:
        """How many phrases of so many tokens may be tried for this share of the budget."""
        price = self.odds.price(self.carriers[0]) + tokens
        return min(most, int(share * self.odds.budget) // max(1, price))

    def _following(self, trials: Sequence[Trial]) -> list[list[int]]:
        return self.words.following([with_text(self.carriers[0], t.text, "end") for t in trials], PROPOSED)

    def _tried_once(self, options: Iterable[Ids]) -> list[Trial]:
        """With the first carrier alone, what was tried before left out; the best alone, best first."""
        new: dict[str, Ids] = {}
        for tokens in options:
            text = self.words.text(tokens)
            if text and text not in self._tried:
                new.setdefault(text, tokens)
        self._tried |= set(new)
        made = [with_text(self.carriers[0], text, "end") for text in new]
        log_q = self.odds.candidates(made)
        # The base gives the payload much the same everywhere: it is asked only where the candidate leans out.
        best = np.argsort(-log_q, kind="stable")[: max(ASKED, len(log_q) // 8)].tolist()
        log_p = self.odds.bases([made[i] for i in best])
        known = list(new.items())
        trials = [
            Trial(known[i][1], known[i][0], p, float(log_q[i])) for i, p in zip(best, log_p.tolist(), strict=True)
        ]
        return sorted(trials, key=_order)

    def _tried_again(self, trials: Sequence[Trial]) -> list[Trial]:
        """With the other carriers too; best first."""
        others = self.carriers[1:]
        values = self.odds.of([with_text(c, t.text, "end") for t in trials for c in others])
        whole = len(values) // len(others) if others else len(trials)
        found = []
        for i, t in enumerate(trials[:whole]):
            rows = [[t.log_p, t.log_q], *values[i * len(others) : (i + 1) * len(others)].tolist()]
            found.append(Trial(t.tokens, t.text, *np.mean(rows, 0).tolist()))
        return sorted(found, key=_order)


def _order(trial: Trial) -> tuple[float, str]:
    return -trial.worth, trial.text


def _variants(tokens: Ids, before: Sequence[int], after: Sequence[int]) -> Iterator[Ids]:
    """The phrase with a token more at either end, with one less, and with two neighbours exchanged."""
    yield from ((*tokens, t) for t in after)
    yield from ((t, *tokens) for t in before)
    for i in range(len(tokens)):
        yield (*tokens[:i], *tokens[i + 1 :])
        if i:
            yield (*tokens[: i - 1], tokens[i], tokens[i - 1], *tokens[i + 1 :])
