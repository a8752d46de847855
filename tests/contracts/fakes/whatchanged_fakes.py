"""Predicates of another package: one always true, one blank, and one that breaks the contract."""

from whatchanged.predicates import Predicate
from whatchanged.records import Direction, PredicateSpec, Prompt


class Always(Predicate):
    """1 for every text: what a predicate that decides nothing looks like."""

    family = "always"

    def score(self, response: str, prompt: Prompt) -> float:
        return 1.0

    def describe(self, direction: Direction) -> str:
        return f"answers anything at all {direction} often"

    @classmethod
    def examples(cls) -> list[PredicateSpec]:
        return [cls().spec]


class Blank(Always):
    """0 for every text."""

    family = "blank"

    def score(self, response: str, prompt: Prompt) -> float:
        return 0.0


class Liar(Always):
    """Claims to be scored by its opening, and gives no probability: the contract test must catch it."""

    family = "liar"

    def score(self, response: str, prompt: Prompt) -> float:
        return 2.0 if "a" in response else 0.0

    def openings(self) -> tuple[str, ...]:
        return ("Yes",)
