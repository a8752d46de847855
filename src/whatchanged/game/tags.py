"""Tags for prompts that nobody tagged, so that a finding whose region is told by tags speaks of them too."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from whatchanged.records import Prompt, words_of

# So many of the most alike prompts vote.
NEIGHBOURS = 5


def tagged(prompts: Sequence[Prompt], known: Sequence[Prompt]) -> list[Prompt]:
    """The prompts, each with the tags of the tagged prompts in `known` that it is most like, beside its own.

    Alike is the cosine of their words, each worth the logarithm of how rare it is; the five nearest vote by it. What
    shares no word with any tagged prompt stays as it is.
    """
    nearest = _Nearest([p for p in known if p.tags])
    return [p.model_copy(update={"tags": tuple(dict.fromkeys((*p.tags, *nearest.tags(p))))}) for p in prompts]


class _Nearest:
    """An index of tagged prompts by word."""

    def __init__(self, known: Sequence[Prompt]) -> None:
        self.known = known
        self.holders: dict[str, list[int]] = defaultdict(list)
        for i, prompt in enumerate(known):
            for word in words_of(prompt.text):
                self.holders[word].append(i)
        self.rarity = {word: math.log(1 + len(known) / len(rows)) for word, rows in self.holders.items()}
        self.length = [self._norm(words_of(p.text)) for p in known]

    def tags(self, prompt: Prompt) -> tuple[str, ...]:
        """Those that the nearest vote for; none where no word is shared."""
        alike: dict[int, float] = defaultdict(float)
        for word in sorted(words_of(prompt.text)):
            for i in self.holders.get(word, ()):
                alike[i] += self.rarity[word] ** 2 / self.length[i]
        votes: dict[tuple[str, ...], float] = defaultdict(float)
        for i in sorted(alike, key=lambda i: (-alike[i], i))[:NEIGHBOURS]:
            votes[self.known[i].tags] += alike[i]
        return max(votes, key=lambda tags: (votes[tags], tags), default=())

    def _norm(self, words: Iterable[str]) -> float:
        # In whatever order a set gives them: the exact sum is the same.
        return math.sqrt(math.fsum(self.rarity[word] ** 2 for word in words))
