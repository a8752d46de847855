"""Generative: answers that the hypothesis predicts, and their likelihood ratio under both models."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from whatchanged.records import Hypothesis, Prompt
from whatchanged.roles.judge import conversation, read_replies, role_ask
from whatchanged.roles.text import fence, load_prompt, read_json
from whatchanged.roles.validators.base import Material, Trial, Validator
from whatchanged.subjects import Access, Context, Subject, plan

MAX_PROMPTS = 24
# A model that cannot say a text at all: finite, so that two such texts can be compared.
NEVER = -1e6


class Texts(NamedTuple):
    """An answer that the candidate would give more readily than the base, and one less readily."""

    would: str
    would_not: str


class Generative(Validator):
    """One trial a prompt, for up to 24 of them: tanh(log q/p of the predicted text - log q/p of the contrary one).

    p and q are the probabilities, under base and candidate, of the text's first `max_tokens` tokens.
    """

    name = "generative"
    needs = Access.logits

    def trials(self, hypothesis: Hypothesis, material: Material) -> list[Trial]:
        if material.access < self.needs:
            return []
        prompts = [material.prompts[i] for i in dict.fromkeys(p.prompt_id for p in material.pairs)][:MAX_PROMPTS]
        text = load_prompt("generative")
        asks = [
            role_ask(
                text,
                seed=material.seed,
                claim=fence(hypothesis.sentence, "CLAIM"),
                question=fence(conversation(prompt), "PROMPT"),
            )
            for prompt in prompts
        ]
        written = read_replies(material.model, asks, read_texts)
        told = [(prompt, texts) for prompt, texts in zip(prompts, written, strict=True) if texts is not None]
        values = iter(contrasts(material, told))
        return [None if texts is None else next(values) for texts in written]


def read_texts(text: str) -> Texts | None:
    """Two different texts that are not blank, from JSON; None otherwise."""
    reply = read_json(text)
    if not isinstance(reply, dict):
        return None
    would, would_not = reply.get("would"), reply.get("would_not")
    if not (isinstance(would, str) and isinstance(would_not, str)):
        return None
    texts = Texts(would.strip(), would_not.strip())
    return texts if all(texts) and texts.would != texts.would_not else None


def contrasts(material: Material, told: Sequence[tuple[Prompt, Texts]]) -> list[float]:
    """tanh of each prompt's difference of log likelihood ratios, in [-1, 1]."""
    answers = [(prompt, text) for prompt, texts in told for text in texts]
    if not answers:
        return []
    q, p = (
        log_likelihoods(subject, answers, material.max_tokens, material.temperature)
        for subject in (material.candidate, material.base)
    )
    ratios = (q - p).reshape(-1, 2)
    return [float(value) for value in np.tanh(ratios[:, 0] - ratios[:, 1])]


def log_likelihoods(
    subject: Subject, answers: Sequence[tuple[Prompt, str]], max_tokens: int, temperature: float
) -> NDArray[np.float64]:
    """float64[answers]: natural-log probability of each text's first tokens as an answer to its prompt."""
    contexts = [Context(subject.encode(prompt), subject.tokenize(text)[:max_tokens]) for prompt, text in answers]
    totals = np.zeros(len(contexts))
    apart = [not subject.common_prefix([c.prompt]) for c in contexts]
    for batch in plan([c.length for c in contexts], apart):
        chosen = [contexts[i] for i in batch]
        # The row after the last token predicts nothing that is asked: any token stands for it, and is not summed.
        logs = subject.score(chosen, temperature).at([token for c in chosen for token in (*c.response, 0)])
        ends = np.cumsum([c.n_rows for c in chosen])
        totals[batch] = [logs[end - c.n_rows : end - 1].sum() for c, end in zip(chosen, ends, strict=True)]
    return np.maximum(totals, NEVER)
