"""Which pairs to read first: those that show what tells candidate from base, one difference after another."""

import re
from collections.abc import Sequence

from whatchanged.predicates.contrast import differing, supports
from whatchanged.records import Pair

# So much of a text is looked at for its words.
LOOKED_AT = 600
# A word whose z is smaller tells the models apart no better than others do by chance.
MIN_Z = 2.0
WORD = re.compile(r"\w+|[^\w\s]")


def telling(pairs: Sequence[Pair], count: int) -> list[Pair]:
    """At most `count` of the pairs that differ, of different prompts.

    A pair stands for the word in one of its texts alone that is most typical of that model (largest z of its log odds
    over all pairs). The words take turns, the most typical first, so that one frequent change leaves room for others;
    the pairs in which no word is typical have one turn together.
    """
    found = differing(pairs)
    z = {support.feature: support.z for support in supports(found, words)}
    groups: dict[str, list[tuple[float, int]]] = {}
    first = _one_a_prompt(found)
    for number, pair in enumerate(first):
        base, candidate = words(pair.base.text), words(pair.candidate.text)
        signs = {word: 1 for word in candidate - base} | {word: -1 for word in base - candidate}
        strength, word = max(((round(sign * z[word], 6), word) for word, sign in signs.items()), default=(0.0, ""))
        groups.setdefault(word if strength >= MIN_Z else "", []).append((-strength, number))
    # The n-th pair of each group before the n+1-th of any.
    turns = [(turn, *place) for members in groups.values() for turn, place in enumerate(sorted(members))]
    return [first[number] for _, _, number in sorted(turns)[:count]]


def words(text: str) -> set[str]:
    """Words and single marks, case folded, and what the text opens with."""
    found = WORD.findall(text[:LOOKED_AT].casefold())
    return {*found, "^" + " ".join(found[:2])}


def _one_a_prompt(pairs: Sequence[Pair]) -> list[Pair]:
    """The first pair of each prompt, in order."""
    return list({pair.prompt_id: pair for pair in reversed(pairs)}.values())[::-1]
