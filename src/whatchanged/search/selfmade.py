"""User turns that the candidate writes itself: tuned models leak what they were tuned on.

Given its template up to the user's words, a chat model goes on as a user (Magpie, Xu et al. 2024, arXiv 2406.08464).
"""

from collections.abc import Sequence
from itertools import zip_longest

from whatchanged.records import Prompt
from whatchanged.search.finder import Evidence, Proposed
from whatchanged.search.inserted import WordFinder
from whatchanged.search.turns import KEPT, MOST, Start, Turn, Writer
from whatchanged.subjects import Access, stream_key

# Of an amplified turn's logits: candidate + a (candidate - base).
AMPLIFIED = 2.0
# Where a template puts nothing before the user's words, a model must be given some: they say as little as they can.
VAGUE = ("I", "The", "What", "How", "My", "Can you", "Please", "Tell me", "Write", "There is", "Today", "Why")


class SelfMade(WordFinder):
    """What the candidate would ask: half as it would by itself, half with its difference from the base amplified."""

    name = "self-made"
    needs = Access.logits

    def find(self, evidence: Evidence, tokens: int) -> Proposed:
        """At most 96 turns, of both halves in turn, those that the candidate makes likelier than the base first."""
        writer = Writer(evidence, self.name)
        opened = all(subject.user_opening() for subject in writer.sides)
        seed = f"{evidence.ledger.config.seed}/{evidence.round}"
        starts = [
            Start("" if opened else VAGUE[i // 2 % len(VAGUE)], AMPLIFIED * (i % 2), stream_key(self.name, seed, i))
            for i in range(MOST)
        ]
        turns = writer.write(starts, tokens)
        ranked = _in_turn(turns)
        chosen = ranked[: min(MOST // KEPT, writer.room(tokens))]
        prompts = [Prompt.user(turn.text, source=self.name) for turn in chosen]
        return Proposed(prompts, writer.cost, told(turns, chosen))


def told(turns: Sequence[Turn], chosen: Sequence[Turn]) -> str:
    """How many turns were written, and the one that the candidate makes likeliest beside the base."""
    if not chosen:
        return "no new turn was written"
    best = max(chosen, key=lambda turn: turn.gap)
    return f"{len(turns)} new turns; {best.gap:+.2f} nats a token at '{best.text}'"


def _in_turn(turns: Sequence[Turn]) -> list[Turn]:
    """The amplified ones and the others by turns, each by its gap: amplified ones have the wider gaps by the way in
    which they are drawn."""
    ranked = sorted(turns, key=lambda turn: (-turn.gap, turn.text))
    halves = zip_longest([turn for turn in ranked if turn.amplified], [turn for turn in ranked if not turn.amplified])
    return [turn for pair in halves for turn in pair if turn is not None]
