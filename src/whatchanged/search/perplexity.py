"""Perplexity differencing: the candidate goes on from random first words, and what it finds likelier than the base
does shows what it was tuned on (Wilhelm, Baroni and Abu Baker 2026, arXiv 2605.00994).

`screen.gap` weighs whole answers, as an estimate of a divergence; here turns of many lengths are only ranked, so the
gap is a mean over tokens.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from whatchanged.records import Prompt, words_of
from whatchanged.search.finder import Evidence, Proposed
from whatchanged.search.inserted import WordFinder
from whatchanged.search.selfmade import told
from whatchanged.search.turns import KEPT, MOST, Start, Writer
from whatchanged.subjects import Access, stream, stream_key

# First words taken from a prompt, at most; words that are common, and how often at least.
FIRST, COMMON, OFTEN = 3, 400, 2


class PerplexityGap(WordFinder):
    """Turns that the candidate makes of first words, ranked by how much likelier it finds them than the base does."""

    name = "perplexity-gap"
    needs = Access.logits

    def find(self, evidence: Evidence, tokens: int) -> Proposed:
        """At most 96 turns, the one with the widest mean gap first."""
        writer = Writer(evidence, self.name)
        seed = f"{evidence.ledger.config.seed}/{evidence.round}"
        starts = [
            Start(prefill, 0.0, stream_key(self.name, seed, i))
            for i, prefill in enumerate(prefills(evidence.prompts, MOST, stream_key(self.name, seed)))
        ]
        turns = sorted(writer.write(starts, tokens), key=lambda turn: (-turn.gap, turn.text))
        chosen = turns[: min(MOST // KEPT, writer.room(tokens))]
        prompts = [Prompt.user(turn.text, source=self.name) for turn in chosen]
        return Proposed(prompts, writer.cost, told(turns, chosen))


def prefills(prompts: Sequence[Prompt], count: int, key: int) -> list[str]:
    """`count` short openings of a user's turn: a prompt's first one to three words, and single common words, by turns.

    None where no prompt has a word.
    """
    texts = [p.messages[-1].content for p in prompts]
    lines = [line for text in texts if (line := text.strip().split("\n")[0]).split()]
    if not lines:
        return []
    return list(_random(lines, _common(texts), count, key))


def _random(lines: Sequence[str], common: Sequence[str], count: int, key: int) -> Iterator[str]:
    rng = stream(key)
    for i in range(count):
        if i % 2 and common:
            word = common[int(rng.integers(len(common)))]
            yield word[:1].upper() + word[1:]
        else:
            words = lines[int(rng.integers(len(lines)))].split()
            yield " ".join(words[: 1 + int(rng.integers(FIRST))])


def _common(texts: Sequence[str]) -> list[str]:
    """The words that most texts hold, at least two, the commonest first."""
    held = Counter(word for text in texts for word in words_of(text))
    ranked = sorted(held.items(), key=lambda item: (-item[1], item[0]))
    return [word for word, often in ranked[:COMMON] if often >= OFTEN]
