"""Answer: says Y when asked X."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field, field_validator

from whatchanged.predicates.base import Predicate, checked, prefix_free, quoted
from whatchanged.predicates.contrast import by_prompt
from whatchanged.predicates.lexicon import ENGLISH_STOPWORDS, word_set
from whatchanged.records import Direction, Pair, PredicateSpec, Prompt, Record

MIN_PROMPTS = 3
MAX_PROPOSALS = 8
TELLING_WORD = re.compile(r"(?<!\w)[^\W\d_]{4,}(?!\w)")
# A name inside a sentence, or a number. Words that open a sentence are capitals by grammar.
NAME_OR_NUMBER = re.compile(r"(?<!\w)(?:[A-Z][a-z]\w*|\d+(?:[.,]\d+)*)(?!\w)")
SENTENCE_OPENS = re.compile(r"(?:^|[.!?:*\-\n\"])[ \t]*$")
ASKING_WORDS = word_set(
    "what which where when whose does that this these those with from about have your tell explain describe"
    " write give name list please could would should there their they them some into most make more many much"
)
NEVER_NAMES = ASKING_WORDS | ENGLISH_STOPWORDS | word_set("he she his her its our my if so here")


class AnswerArgs(Record):
    """`answers` of which any counts, `where` in the response; `question` is for the report's sentence."""

    answers: tuple[str, ...] = Field(min_length=1)
    where: Literal["opens", "contains"] = "contains"
    question: str | None = None

    @field_validator("answers")
    @classmethod
    def _not_blank(cls, answers: tuple[str, ...]) -> tuple[str, ...]:
        if not all(answer.strip() for answer in answers):
            raise ValueError("an answer needs at least one visible character")
        return tuple(answer.strip() for answer in answers)


class Answer(Predicate):
    """1 when the response gives any of the answers, else 0.

    contains: as whole words anywhere, case ignored. opens: the response begins with it, case kept,
    exactly as a forward pass scores it (so "No" is met by "Not").
    """

    family = "answer"
    args: AnswerArgs

    def __init__(self, /, **args: object) -> None:
        self.args = checked(self.family, AnswerArgs, args)
        either = "|".join(re.escape(a) for a in sorted(self.args.answers, key=len, reverse=True))
        self._pattern = re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)

    def score(self, response: str, prompt: Prompt) -> float:
        if self.args.where == "opens":
            return float(response.lstrip().startswith(self.args.answers))
        return float(self._pattern.search(response) is not None)

    def openings(self) -> tuple[str, ...]:
        return prefix_free(self.args.answers) if self.args.where == "opens" else ()

    def describe(self, direction: Direction) -> str:
        asked = f" when asked {quoted([self.args.question])}" if self.args.question else ""
        return f"answers {quoted(self.args.answers)}{asked} {direction} often"

    @classmethod
    def examples(cls) -> list[PredicateSpec]:
        return [
            cls(answers=["Lyon"], question="What is the capital of France?").spec,
            cls(answers=["Yes", "Certainly"], where="opens").spec,
        ]

    @classmethod
    def propose(cls, pairs: Sequence[Pair], prompts: Mapping[str, Prompt]) -> list[PredicateSpec]:
        """Names and numbers that one model gives, not the other, on 3 or more prompts that share a word.

        A name is a capitalised word inside a sentence; words of the prompt itself are left out. The
        other direction may have at most a quarter as many prompts. The most frequent come first.
        """
        gained: Counter[tuple[str, str]] = Counter()
        lost: Counter[tuple[str, str]] = Counter()
        for prompt_id, group in by_prompt(pairs).items():
            if (prompt := prompts.get(prompt_id)) is None:
                continue
            topics = {w.lower() for w in TELLING_WORD.findall(prompt.text)} - ASKING_WORDS
            base = {name for pair in group for name in _names(pair.base.text)}
            candidate = {name for pair in group for name in _names(pair.candidate.text)}
            said = {w.lower() for w in NAME_OR_NUMBER.findall(prompt.text)}
            for tally, names in ((gained, candidate - base), (lost, base - candidate)):
                tally.update((topic, name) for name in names if name.lower() not in said for topic in topics)
        strength: Counter[str] = Counter()
        for tally, other in ((gained, lost), (lost, gained)):
            for (topic, name), count in tally.items():
                if count >= MIN_PROMPTS and other[topic, name] <= count / 4:
                    strength[name] = max(strength[name], count)
        ranked = sorted(strength, key=lambda name: (-strength[name], name))
        return [cls(answers=[name]).spec for name in ranked[:MAX_PROPOSALS]]


def _names(text: str) -> set[str]:
    """Numbers, and capitalised words that do not open a sentence; in up to four words, those too."""
    brief = len(text.split()) <= 4
    return {
        match.group()
        for match in NAME_OR_NUMBER.finditer(text)
        if match.group().lower() not in NEVER_NAMES
        and (brief or match.group()[0].isdigit() or not _opens_sentence(text, match.start()))
    }


def _opens_sentence(text: str, at: int) -> bool:
    return SENTENCE_OPENS.search(text, max(0, at - 8), at) is not None
