"""Discriminative: given the hypothesis, which of two answers is the candidate's?"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from whatchanged.records import Hypothesis, Prompt
from whatchanged.roles.judge import ANSWER_LIMIT, conversation, last_line, read_replies, role_ask
from whatchanged.roles.text import fence, load_prompt, read_json
from whatchanged.roles.validators.base import Material, Trial, Validator
from whatchanged.subjects import stream, stream_key

CHOICES: Final = ("A", "B", "NEITHER")


class Case(NamedTuple):
    """A prompt and what both models answered; `draw` tells cases of one prompt apart."""

    prompt: Prompt
    base: str
    candidate: str
    draw: int


class Discriminative(Validator):
    """One trial a pair: +1 for naming the candidate's text, -1 for naming the base's, 0 for neither or equal texts.

    The order of the two is a fair coin's, so a role that learns nothing from the hypothesis has expectation 0.
    """

    name = "discriminative"

    def trials(self, hypothesis: Hypothesis, material: Material) -> list[Trial]:
        cases = [Case(material.prompts[p.prompt_id], p.base.text, p.candidate.text, p.draw) for p in material.pairs]
        return tell_apart(hypothesis, material, cases)


def tell_apart(hypothesis: Hypothesis, material: Material, cases: Sequence[Case]) -> list[Trial]:
    """The trial of each case: see `Discriminative`. Equal texts cost no call."""
    trials: list[Trial] = [0.0] * len(cases)
    differing = [i for i, case in enumerate(cases) if case.base != case.candidate]
    truths = ["AB"[_coin(hypothesis, material, cases[i])] for i in differing]
    text = load_prompt("discriminative")
    asks = [
        role_ask(
            text,
            claim=fence(hypothesis.sentence, "CLAIM"),
            question=fence(conversation(cases[i].prompt), "PROMPT"),
            a=fence(cases[i].candidate if truth == "A" else cases[i].base, "ANSWER-A", ANSWER_LIMIT),
            b=fence(cases[i].base if truth == "A" else cases[i].candidate, "ANSWER-B", ANSWER_LIMIT),
        )
        for i, truth in zip(differing, truths, strict=True)
    ]
    choices = read_replies(material.model, asks, read_choice)
    for i, truth, choice in zip(differing, truths, choices, strict=True):
        trials[i] = None if choice is None else 0.0 if choice == "NEITHER" else 1.0 if choice == truth else -1.0
    return trials


def read_choice(text: str) -> str | None:
    """A, B or NEITHER from the last line, or else from JSON under "candidate"; None otherwise."""
    if (said := last_line(text).upper()) in CHOICES:
        return said
    reply = read_json(text)
    choice = str(reply.get("candidate")).strip().upper() if isinstance(reply, dict) else ""
    return choice if choice in CHOICES else None


def _coin(hypothesis: Hypothesis, material: Material, case: Case) -> int:
    """0 or 1, as likely, whatever the texts."""
    key = stream_key("order", material.seed, hypothesis.id, case.prompt.id, case.draw)
    return int(stream(key).integers(2))
