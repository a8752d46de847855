"""Phrase: contains, opens with or ends with given words."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field, field_validator

from whatchanged.predicates.base import Predicate, checked, prefix_free, quoted
from whatchanged.predicates.contrast import Support, differing, supports
from whatchanged.records import Direction, Pair, PredicateSpec, Prompt, Record

Kind = Literal["opens_with", "ends_with", "contains"]
Feature = tuple[Kind, str]

VERBS: dict[Kind, str] = {
    "opens_with": "opens its answer with",
    "ends_with": "ends its answer with",
    "contains": "says",
}
# Of kinds that describe a phrase equally well the first is told: openings are scored, not sampled.
PREFERENCE: tuple[Kind, ...] = ("opens_with", "ends_with", "contains")

MIN_PROMPTS = 4
MIN_LOG_ODDS = math.log(4)
MAX_BY_CHANCE = 0.25
MAX_PROPOSALS = 12
MAX_WORDS = 400
SAME_SUPPORT = 0.8
WORD = re.compile(r"\w+(?:['’]\w+)*")


class PhraseArgs(Record):
    """`kind` of comparison, and the `phrases` of which any counts."""

    kind: Kind
    phrases: tuple[str, ...] = Field(min_length=1)

    @field_validator("phrases")
    @classmethod
    def _not_blank(cls, phrases: tuple[str, ...]) -> tuple[str, ...]:
        if not all(phrase.strip() for phrase in phrases):
            raise ValueError("a phrase needs at least one visible character")
        return phrases


class Phrase(Predicate):
    """1 when the answer contains, opens with or ends with any of the phrases, else 0.

    Case matters. White space before an opening and after an ending does not.
    """

    family = "phrase"
    args: PhraseArgs

    def __init__(self, /, **args: object) -> None:
        self.args = checked(self.family, PhraseArgs, args)
        self._openings = tuple(phrase.lstrip() for phrase in self.args.phrases)
        self._endings = tuple(phrase.rstrip() for phrase in self.args.phrases)

    def score(self, response: str, prompt: Prompt) -> float:
        match self.args.kind:
            case "opens_with":
                return float(response.lstrip().startswith(self._openings))
            case "ends_with":
                return float(response.rstrip().endswith(self._endings))
            case "contains":
                return float(any(phrase in response for phrase in self.args.phrases))

    def openings(self) -> tuple[str, ...]:
        return prefix_free(self._openings) if self.args.kind == "opens_with" else ()

    def describe(self, direction: Direction) -> str:
        return f"{VERBS[self.args.kind]} {quoted(self.args.phrases)} {direction} often"

    @classmethod
    def examples(cls) -> list[PredicateSpec]:
        return [
            cls(kind="opens_with", phrases=["Sure thing"]).spec,
            cls(kind="opens_with", phrases=["I cannot", "I can't", "I cannot help"]).spec,
            cls(kind="ends_with", phrases=["Have a nice day!"]).spec,
            cls(kind="contains", phrases=["as you know"]).spec,
        ]

    @classmethod
    def propose(cls, pairs: Sequence[Pair], prompts: Mapping[str, Prompt]) -> list[PredicateSpec]:
        """Openings (3-6 words), endings and n-grams (2-6 words) that one model says far more than the other.

        Far more: an odds ratio of at least 4, on at least 4 prompts, over the pairs that differ, and so
        uneven that chance would give less than a quarter of one among all frequent phrases of its kind.
        Of phrases that show in nearly the same answers the strongest speaks for all (on a tie the
        scored kind, then the longest), so a sub-phrase without a support of its own is not proposed.
        """
        frequent = [
            support
            for support in supports(differing(pairs), _features)
            if max(len(support.base), len(support.candidate)) >= MIN_PROMPTS and _is_unicode(support.feature[1])
        ]
        tried = Counter(support.feature[0] for support in frequent)
        strong = [
            support
            for support in frequent
            if abs(support.log_odds) >= MIN_LOG_ODDS and support.chance * tried[support.feature[0]] < MAX_BY_CHANCE
        ]
        strong.sort(key=_rank)
        kept: list[Support[Feature]] = []
        for support in strong:
            if len(kept) < MAX_PROPOSALS and all(support.overlap(k) < SAME_SUPPORT for k in kept):
                kept.append(support)
        return [cls(kind=kind, phrases=[phrase]).spec for kind, phrase in (k.feature for k in kept)]


def _is_unicode(text: str) -> bool:
    """Whether a spec can hold the text: a cut emoji leaves half a surrogate pair."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def _rank(support: Support[Feature]) -> tuple[float, int, int, str]:
    kind, phrase = support.feature
    return (-round(abs(support.z), 6), PREFERENCE.index(kind), -len(phrase), phrase)


def _features(text: str) -> Iterator[Feature]:
    """Every opening, ending and n-gram of the text, as it is written there. Long texts: the first words."""
    text = text.strip()
    starts_ends = [match.span() for match in WORD.finditer(text)]
    for size in range(3, min(6, len(starts_ends)) + 1):
        yield "opens_with", text[: starts_ends[size - 1][1]]
    for size in range(2, min(6, len(starts_ends)) + 1):
        yield "ends_with", text[starts_ends[-size][0] :]
    head = starts_ends[:MAX_WORDS]
    for size in range(2, 7):
        for first in range(len(head) - size + 1):
            gram = text[head[first][0] : head[first + size - 1][1]]
            if "\n" not in gram:
                yield "contains", gram
