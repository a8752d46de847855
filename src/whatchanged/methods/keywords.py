"""What sets some texts apart, in words: log-odds ratios with an informative Dirichlet prior."""

import math
from collections import Counter
from collections.abc import Sequence

from whatchanged.predicates.hashing import WORD

# Size of the prior, as a share of all words; it is spread as all texts use them.
PRIOR = 0.1
LEAST_Z = 1.96
MOST = 5


def keywords(inside: Sequence[str], outside: Sequence[str]) -> list[str]:
    """At most five words that the texts inside use most above the others, by z-score; [] where none stands out.

    Monroe, Colaresi and Quinn 2008, "Fightin' Words", equations 16, 20 and 22.
    """
    ours, others = _counted(inside), _counted(outside)
    total = ours + others
    n_ours, n_others, weight = ours.total(), others.total(), PRIOR * total.total()

    def z(word: str) -> float:
        prior = PRIOR * total[word]
        a, b = ours[word] + prior, others[word] + prior
        gap = math.log(a / (n_ours + weight - a)) - math.log(b / (n_others + weight - b))
        return gap / math.sqrt(1 / a + 1 / b)

    scores = {word: z(word) for word in ours} if len(total) > 1 else {}
    best = sorted((w for w in scores if scores[w] >= LEAST_Z), key=lambda w: (-scores[w], w))
    return best[:MOST]


def _counted(texts: Sequence[str]) -> Counter[str]:
    return Counter(word for text in texts for word in WORD.findall(text.lower()))
