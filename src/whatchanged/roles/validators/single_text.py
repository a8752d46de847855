"""Single-text: the hypothesis's own claim, asked of one response at a time."""

from whatchanged.predicates import Predicate, load
from whatchanged.records import Hypothesis
from whatchanged.roles.judge import Judge, judge_pairs
from whatchanged.roles.validators.base import Material, Trial, Validator


class SingleText(Validator):
    """One trial a pair: direction x (verdict on the candidate's text - verdict on the base's).

    The judge is blind: it sees neither the direction nor which model wrote the text. Equal texts give 0 and cost
    no call.
    """

    name = "single-text"

    def trials(self, hypothesis: Hypothesis, material: Material) -> list[Trial]:
        judge = Judge(material.model, material.seed)
        rubric = rubric_of(load(hypothesis.predicate))
        verdicts = judge_pairs(judge, rubric, material.pairs, material.prompts)
        return [None if b is None or c is None else hypothesis.sign * (c - b) for b, c in verdicts]


def rubric_of(predicate: Predicate) -> str:
    """The predicate as a sentence about one response, without a direction."""
    if predicate.family == "judged":
        return str(predicate.spec.args["rubric"])
    more, less = (predicate.describe(direction).split(" ") for direction in ("more", "less"))
    both = " ".join(a for a, b in zip(more, less, strict=False) if a == b)
    return f"The writer of this answer {both.removesuffix(' often')}."
