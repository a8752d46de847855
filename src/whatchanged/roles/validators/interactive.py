"""Interactive: rounds in which the role writes a prompt, sees both answers and names the candidate."""

from typing import Final

from whatchanged.elicit import answer_cost
from whatchanged.records import Hypothesis, Prompt
from whatchanged.roles.judge import read_replies, role_ask
from whatchanged.roles.text import fence, load_prompt, read_json
from whatchanged.roles.validators.base import Material, Trial, Validator
from whatchanged.roles.validators.discriminative import Case, tell_apart
from whatchanged.subjects import Access

ROUNDS: Final = 8
MAX_PROMPT = 2000


class Interactive(Validator):
    """One trial a round, 8 rounds: +1 for naming the candidate, -1 for naming the base, 0 for neither.

    The role is not told how its rounds came out: it would learn to know the models by signs of which the hypothesis
    says nothing, and a false one would seem to help it.
    """

    name = "interactive"
    needs = Access.text

    def trials(self, hypothesis: Hypothesis, material: Material) -> list[Trial]:
        if material.access < self.needs:
            return []
        trials: list[Trial] = []
        earlier: list[Prompt] = []
        for number in range(ROUNDS):
            prompt = design(hypothesis, material, earlier, number)
            case = None if prompt is None else answer(hypothesis, material, prompt, number)
            trials += [None] if case is None else tell_apart(hypothesis, material, [case])
            earlier += [] if prompt is None else [prompt]
        return trials


def design(hypothesis: Hypothesis, material: Material, earlier: list[Prompt], number: int) -> Prompt | None:
    """The role's next prompt; None if there is none, or it lies outside the region, where nothing is claimed."""
    region = hypothesis.region
    ask = role_ask(
        load_prompt("interactive"),
        draw=number,
        seed=material.seed,
        claim=fence(hypothesis.sentence, "CLAIM"),
        region=fence(region.describe(), "REGION"),
        earlier="\n".join(fence(prompt.text, f"PROMPT-{n}") for n, prompt in enumerate(earlier, 1)),
    )
    (text,) = read_replies(material.model, [ask], read_prompt)
    if text is None:
        return None
    # No text can show a tag: a prompt written for a tagged region is taken at its word.
    prompt = Prompt.user(text, tags=region.values if region.kind == "tag" else (), source="interactive")
    return prompt if region.contains(prompt) else None


def answer(hypothesis: Hypothesis, material: Material, prompt: Prompt, number: int) -> Case | None:
    """What both models say; None if either says nothing. They share random numbers: equal models answer alike."""
    key = f"interactive-{material.seed}-{hypothesis.id}"
    said = [
        subject.respond([prompt], number, material.max_tokens, material.temperature, key)[0]
        for subject in (material.base, material.candidate)
    ]
    material.spent.append(answer_cost((material.base, material.candidate), [[one] for one in said]))
    if said[0] is None or said[1] is None:
        return None
    return Case(prompt, said[0].text, said[1].text, number)


def read_prompt(text: str) -> str | None:
    """A prompt that is not blank and not too long, from JSON; None otherwise."""
    reply = read_json(text)
    prompt = reply.get("prompt") if isinstance(reply, dict) else None
    if not isinstance(prompt, str) or not prompt.strip() or len(prompt) > MAX_PROMPT:
        return None
    return prompt.strip()
