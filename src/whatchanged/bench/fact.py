"""How far a fact was rewritten: the success measures of Meng et al. (2022, section 3.4), on base and edited model."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatchanged.bench.plants.edit import Edit
from whatchanged.records import Prompt
from whatchanged.subjects import Context, Subject, plan

Asked = tuple[str, str, str]
"""A subject, a prompt with {} for it, and the subject's true answer."""


def success(plant: Edit, base: Subject, edited: Subject) -> dict[str, dict[str, Any]]:
    """By measure: how many prompts were `asked`; and on base and candidate the mean P of the answers and `success`.

    efficacy, paraphrase: success is the share of prompts with P(false answer) > P(true answer). neighbourhood: the
    share of other subjects with P(their true answer) > P(false answer). Each probability is that of the whole answer
    after the prompt and `says`. Measures without prompts are left out.
    """
    groups: dict[str, list[Asked]] = {
        "efficacy": [(plant.subject, plant.prompt, plant.true_answer)],
        "paraphrase": [(plant.subject, prompt, plant.true_answer) for prompt in plant.paraphrases],
        "neighbourhood": [(subject, plant.prompt, true) for subject, true in plant.neighbours.items()],
    }
    found = {}
    for measure, asked in groups.items():
        if asked:
            sign = -1 if measure == "neighbourhood" else 1
            who = {"base": base, "candidate": edited}
            found[measure] = {"asked": len(asked)} | {n: _measured(s, plant, asked, sign) for n, s in who.items()}
    return found


def _measured(subject: Subject, plant: Edit, asked: Sequence[Asked], sign: int) -> dict[str, float]:
    false = answer_probabilities(subject, plant, [(s, prompt, plant.answer) for s, prompt, _ in asked])
    true = answer_probabilities(subject, plant, asked)
    shares = {"success": (sign * (false - true) > 0).mean(), "false": false.mean(), "true": true.mean()}
    return {name: round(float(value), 4) for name, value in shares.items()}


def answer_probabilities(subject: Subject, plant: Edit, asked: Sequence[Asked]) -> NDArray[np.float64]:
    """float64[asked]: the probability of each answer (the third entry) after its prompt and `says`."""
    contexts = []
    for name, prompt, answer in asked:
        said, ends = subject.tokenize(plant.says.replace("{}", name)), subject.tokenize(answer)
        contexts.append(Context(subject.encode(Prompt.user(prompt.replace("{}", name))), (*said, *ends), len(said)))
    found = np.zeros(len(contexts))
    for batch in plan([c.length for c in contexts], [not subject.common_prefix([c.prompt]) for c in contexts]):
        some = [contexts[i] for i in batch]
        # The row after the last token predicts nothing that is asked: any token stands for it, and is not summed.
        logs = iter(subject.score(some).at([t for c in some for t in (*c.response[c.start :], 0)]))
        for i, context in zip(batch, some, strict=True):
            values = [next(logs) for _ in range(context.n_rows)]
            found[i] = math.exp(math.fsum(values[:-1]))
    return found
