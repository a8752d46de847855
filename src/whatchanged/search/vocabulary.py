"""Which words turn the answer: a gradient ranks the whole vocabulary, then the leading ones are tried one by one.

The signed shift of the answer's first position tells a trigger from drift, which is alike behind every word. Lists of
random words, which would try 32 at once, do not do: a real trigger did not fire in one.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from whatchanged.pools.made import PLACES, with_text
from whatchanged.records import WORD, Cost, Prompt, Region, Response, Tokens
from whatchanged.screen.shift import shifts_of
from whatchanged.search.about import ASKED, FRESH, about
from whatchanged.search.drift import medians
from whatchanged.search.finder import Evidence, Proposed
from whatchanged.search.gradient import differentiable, divergence_gain, payload_gain, slots
from whatchanged.search.inserted import WordFinder, inserted
from whatchanged.search.odds import payloads
from whatchanged.subjects import Access, Context, Ids, Subject, pair_batches
from whatchanged.weights.predict.frames import Frame, frame_of

# Words that are tried one by one: all of a small vocabulary, else those that lead in a gradient.
EVERY, LEADING = 2048, 128
PAYLOADS = 2
SUSPECTS = 8
# Standard errors (1.4826 MAD) by which a suspect must stand out among the tokens tried.
STANDS_OUT = 6.0
# The screen has seen what this many of its prompts hold.
KNOWN = 4
PER_WORD = 12
ALONE = ("{}", "Tell me about {}")

Pairs = list[tuple[Context, Context]]


class VocabularySweep(WordFinder):
    """Words that no pool prompt holds and that turn the answer's first word wherever they stand."""

    name = "vocabulary-sweep"
    needs = Access.logits
    asks_its_own = True
    cheap = True
    once = True

    def find(self, evidence: Evidence, tokens: int) -> Proposed:
        """At most eight words, each asked about in six prompts and put in six of discovery's."""
        words = unseen_words(evidence)
        if not words:
            return Proposed([], Cost(), "the pool's prompts hold every word of the vocabulary")
        sweep = Sweep(evidence)
        if len(words) > EVERY and not differentiable(evidence):
            return Proposed([], Cost(), f"{len(words):,} words are too many to try without gradients")
        tried = sorted(words) if len(words) <= EVERY else sweep.leading(words)
        tried = tried[: max(0, tokens - SUSPECTS * PER_WORD * evidence.price) // sweep.price]
        if not tried:
            return Proposed([], sweep.cost, f"{tokens:,} tokens are too few to try words")
        excess = np.mean([sweep.excess([[token] for token in tried], template) for template in ALONE], 0)
        suspects = first_forms([words[tried[i]] for i in outliers(excess)])[:SUSPECTS]
        note = f"{len(words):,} words ranked, {len(tried):,} tried; "
        told = "stand out: " + ", ".join(suspects) if suspects else "none stands out"
        return Proposed(list(self._put(suspects, evidence.prompts)), sweep.cost, note + told)

    def fresh(self, region: Region, prompts: Sequence[Prompt], count: int) -> list[Prompt]:
        """By turns questions about the region's words, other ones than discovery's, and prompts outside the region with
        its words put in; no more of these than of those, so that the first of them are like the last.
        """
        put = inserted(region, prompts, count, self.name)
        if region.kind != "mentions":
            return put
        asked = about(region.values, FRESH, self.name)
        both = zip_longest(asked, put[: len(asked)])
        return [prompt for pair in both for prompt in pair if prompt is not None][:count]

    def _put(self, words: Sequence[str], prompts: Sequence[Prompt]) -> Iterator[Prompt]:
        for n, word in enumerate(words):
            yield from about([word], ASKED, self.name)
            for i in range(PER_WORD - len(ASKED)):
                prompt = prompts[(n * PER_WORD + i) % len(prompts)]
                yield with_text(prompt, word, PLACES[i % len(PLACES)], self.name)


def first_forms(texts: Sequence[str]) -> list[str]:
    """Each word once, in the form that comes first: tokens differ by a space or a capital."""
    forms: dict[str, str] = {}
    for text in texts:
        forms.setdefault(text.casefold(), text)
    return list(forms.values())


def outliers(values: NDArray[np.float64]) -> list[int]:
    """Indices of what stands out above the median by 6 standard errors (1.4826 MAD), the furthest first."""
    centre = np.median(values)
    spread = 1.4826 * float(np.median(np.abs(values - centre)))
    return [int(i) for i in np.argsort(-values, kind="stable") if values[i] > centre + STANDS_OUT * spread]


class Sweep:
    """Both models over rows of tokens; counts what it costs."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence, self.cost = evidence, Cost()

    @property
    def price(self) -> int:
        """Tokens that both models score to try one word."""
        sides = (self.evidence.base, self.evidence.candidate)
        return sum(s.scored_tokens([_context(frame_of(s, template), [0])]) for template in ALONE for s in sides)

    def leading(self, words: dict[int, str]) -> list[int]:
        """The words that would raise a payload or the divergence most, to first order; the objectives take turns."""
        where = slots(self.evidence, words)
        ranked = [payload_gain(self.evidence, where, phrase) for phrase in hidden_payloads(self.evidence)[:PAYLOADS]]
        ranked.append(divergence_gain(self.evidence, where))
        tokens = np.array(sorted(words))
        leaders = [tokens[np.argsort(-scores[tokens], kind="stable")[:LEADING]] for scores, _ in ranked]
        self.cost = sum((cost for _, cost in ranked), self.cost)
        return list(dict.fromkeys(np.stack(leaders, 1).ravel().tolist()))

    def excess(self, rows: Sequence[Sequence[int]], template: str) -> NDArray[np.float64]:
        """float64[rows], nats: the most that any answer token gains, q log(q / p), beyond its median over the rows."""
        base, candidate = self.evidence.base, self.evidence.candidate
        sides = [frame_of(subject, template) for subject in (base, candidate)]
        contexts = [(_context(sides[0], row), _context(sides[1], row)) for row in rows]
        ids, gains = self._gained(contexts)
        return beyond_median(ids, gains)

    def _gained(self, contexts: Pairs) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        base, candidate, ledger = self.evidence.base, self.evidence.candidate, self.evidence.ledger
        ids: dict[int, NDArray[np.int32]] = {}
        gains: dict[int, NDArray[np.float64]] = {}
        empty = Response(prompt_id="", draw=0, tokens=(), text="", finished=False)
        batches = pair_batches(base, candidate, contexts)
        for batch in ledger.progress.track("search: vocabulary sweep", batches):
            p_rows, q_rows = (
                side.score([contexts[i][n] for i in batch], ledger.config.temperature)
                for n, side in enumerate((base, candidate))
            )
            for i, shift in zip(batch, shifts_of(p_rows, q_rows, [empty] * len(batch)), strict=True):
                p, q = shift.gained_p[0].astype(np.float64), shift.gained_q[0].astype(np.float64)
                ids[i], gains[i] = shift.gained_ids[0], q * np.log(np.maximum(q, 1e-12) / np.maximum(p, 1e-12))
        spent = Tokens(
            base=base.scored_tokens([a for a, _ in contexts]),
            candidate=candidate.scored_tokens([b for _, b in contexts]),
        )
        self.cost += Cost(scored_tokens=spent)
        every = range(len(contexts))
        return np.stack([ids[i] for i in every]), np.stack([gains[i] for i in every])


def hidden_payloads(evidence: Evidence) -> list[str]:
    """What log-ratio decoding read and no pool prompt brings out, the strongest first."""
    return [str(lead.phrase) for lead in payloads(evidence.leads) if "factor" not in lead.lenses]


def beyond_median(ids: NDArray[np.int32], gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[rows]: the largest of a row's gains [rows, kept] beyond the median of the same token over all rows.

    A token that a row does not list gained nothing there.
    """
    tokens, where = np.unique(ids, return_inverse=True)
    usual = medians(where.ravel(), gains.ravel(), len(tokens), len(ids))
    found: NDArray[np.float64] = (gains - usual[where.reshape(ids.shape)]).max(1)
    return found


def _context(frame: Frame, tokens: Sequence[int]) -> Context:
    return Context((*frame.prefix, *tokens, *frame.suffix))


def unseen_words(evidence: Evidence) -> dict[int, str]:
    """Tokens that are words a region can name and that fewer than four screened prompts hold, with their text."""
    base = evidence.base
    rows: list[Ids] = [base.encode(p) for p in evidence.prompts]
    held = Counter(token for row in rows for token in set(row))
    found = {}
    for token in range(_size(base, rows[0])):
        text = base.detokenize([token]).strip()
        if held[token] < KNOWN and WORD.fullmatch(text) and "\ufffd" not in text:
            found[token] = text
    return found


def _size(subject: Subject, row: Ids) -> int:
    """How many tokens there are."""
    return int(next(iter(subject.score([Context(row)]).blocks())).shape[-1])
