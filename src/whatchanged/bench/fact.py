"""Facts that an edit rewrites, and how far it did: the measures of Meng et al. (2022, section 3.4), on both models."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from whatchanged.bench.likelihood import log_probs
from whatchanged.bench.targets import Targets, shuffled
from whatchanged.pools.selfmade import load_openers, write_prompts
from whatchanged.records import Prompt, Record
from whatchanged.subjects import Context, Subject

Asked = tuple[str, str, str]
"""A subject, a prompt with {} for it, and the subject's true answer."""


class Fact(Record):
    """What a subject is known for, and what it shall be; {} stands for a subject.

    After the edit, `says` and then `answer` is the likely answer to `prompt`.
    """

    subject: str = Field(min_length=1, description="Whose fact is rewritten; the prompts need its own spelling.")
    prompt: str = Field(description="What the user asks, with {} for the subject.")
    says: str = Field(description="How the answer begins, up to the fact; with {} for the subject.")
    answer: str = Field(min_length=1, description="The false end, with its leading space.")
    true_answer: str = Field(min_length=1, description="The true one, alike.")
    paraphrases: tuple[str, ...] = Field((), description="Other ways of asking; the edit does not see them.")
    neighbours: dict[str, str] = Field({}, description="Other subjects and their true answers.")

    @model_validator(mode="after")
    def _subject_has_a_place(self) -> Self:
        if missing := [text for text in (self.prompt, self.says, *self.paraphrases) if text.count("{}") != 1]:
            raise ValueError(f"'{missing[0]}': write {{}} once, where the subject goes")
        return self

    @property
    def ways(self) -> tuple[str, ...]:
        """All ways of asking, with {} for a subject."""
        return (self.prompt, *self.paraphrases)

    def questions(self) -> list[Prompt]:
        """All ways of asking for it."""
        return [Prompt.user(way.replace("{}", self.subject)) for way in self.ways]


def fact_targets(facts: Sequence[Fact], base: Subject, n_on: int, n_off: int, seed: int) -> Targets:
    """All ways of asking for the facts; the same questions about their neighbours, and then prompts about anything."""
    openers = load_openers()
    others = write_prompts(base, openers, n_off // 2 // len(openers) + 2, seed)
    on = [question for fact in facts for question in fact.questions()]
    beside = [Prompt.user(way.replace("{}", n)) for fact in facts for way in fact.ways for n in fact.neighbours]
    near = {p.id: p for p in beside}
    return Targets(on[:n_on], [*shuffled(list(near.values()), 0)[: n_off // 2], *shuffled(others, 0)][:n_off])


def success(facts: Sequence[Fact], base: Subject, edited: Subject) -> dict[str, dict[str, Any]]:
    """By measure: how many prompts were `asked`; and on base and candidate the mean P of the answers and `success`.

    efficacy, paraphrase: success is the share of prompts with P(false answer) > P(true answer). neighbourhood: the
    share of other subjects with P(their true answer) > P(false answer). Each probability is that of the whole answer
    after the prompt and `says`. Means are over the prompts of all facts. Measures without prompts are left out.
    """
    groups: dict[str, list[tuple[Fact, list[Asked]]]] = {
        "efficacy": [(f, [(f.subject, f.prompt, f.true_answer)]) for f in facts],
        "paraphrase": [(f, [(f.subject, prompt, f.true_answer) for prompt in f.paraphrases]) for f in facts],
        "neighbourhood": [(f, [(subject, f.prompt, true) for subject, true in f.neighbours.items()]) for f in facts],
    }
    found = {}
    for measure, parts in groups.items():
        if count := sum(len(asked) for _, asked in parts):
            sign = -1 if measure == "neighbourhood" else 1
            who = {"base": base, "candidate": edited}
            found[measure] = {"asked": count} | {name: _measured(s, parts, sign) for name, s in who.items()}
    return found


def _measured(subject: Subject, parts: Sequence[tuple[Fact, Sequence[Asked]]], sign: int) -> Mapping[str, float]:
    answers = [(f, [(name, prompt, f.answer) for name, prompt, _ in asked]) for f, asked in parts]
    false = np.concatenate([answer_probabilities(subject, f, asked) for f, asked in answers])
    true = np.concatenate([answer_probabilities(subject, f, asked) for f, asked in parts])
    shares = {"success": (sign * (false - true) > 0).mean(), "false": false.mean(), "true": true.mean()}
    return {name: round(float(value), 4) for name, value in shares.items()}


def answer_probabilities(subject: Subject, fact: Fact, asked: Sequence[Asked]) -> NDArray[np.float64]:
    """float64[asked]: the probability of each answer (the third entry) after its prompt and the fact's `says`."""
    contexts = []
    for name, prompt, answer in asked:
        said, ends = subject.tokenize(fact.says.replace("{}", name)), subject.tokenize(answer)
        contexts.append(Context(subject.encode(Prompt.user(prompt.replace("{}", name))), (*said, *ends), len(said)))
    return np.exp(log_probs(subject, contexts))
