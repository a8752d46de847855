"""The critic: attacks each hypothesis before it is tested. It can strike out, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field, StrictBool, ValidationError

from whatchanged.endpoints import Ask, LanguageModel
from whatchanged.records import Cost, Hypothesis, Message, Record
from whatchanged.roles.evidence import EvidenceText
from whatchanged.roles.reasoner import usage
from whatchanged.roles.text import fence, load_prompt, read_json, shorten, visible

MAX_PAIRS = 12
MAX_REASON = 300
MAX_FENCE = 4000


class Verdict(Record):
    """What the critic answers about one hypothesis."""

    restated: str
    keep: StrictBool
    reason: str = Field(min_length=1)


@dataclass(frozen=True)
class Criticism:
    """Reasons by the ids of the hypotheses struck out, replies that could not be read, and what it cost."""

    killed: dict[str, str]
    malformed: int
    usage: Cost


def criticise(
    model: LanguageModel,
    hypotheses: Sequence[Hypothesis],
    evidence: EvidenceText,
    seed: int,
    earlier: Sequence[str] = (),
) -> Criticism:
    """One ask a hypothesis. One whose reply is missing or cannot be read is kept. `earlier`: claims made before."""
    prompt = load_prompt("critic")
    shown = evidence.render(MAX_PAIRS)
    said = [*earlier, *(h.sentence for h in hypotheses)]
    asks = [
        Ask(
            # Only the earlier ones: two that say the same must not both fall to their overlap.
            messages=(Message(role="user", content=_question(hypothesis, said[: len(earlier) + number], shown)),),
            max_tokens=prompt.max_tokens,
            temperature=prompt.temperature,
            seed=seed,
        )
        for number, hypothesis in enumerate(hypotheses)
    ]
    replies = model.ask(asks)
    killed, malformed = {}, 0
    for hypothesis, reply in zip(hypotheses, replies, strict=True):
        if reply is None:
            continue
        if (verdict := _verdict(reply.text)) is None:
            malformed += 1
        elif not verdict.keep:
            killed[hypothesis.id] = shorten(" ".join(visible(verdict.reason).split()), MAX_REASON)
    return Criticism(killed, malformed, usage(replies))


def _question(hypothesis: Hypothesis, earlier: Sequence[str], evidence: str) -> str:
    """The sentences are fenced too: they quote phrases that a model under test wrote."""
    return load_prompt("critic").render(
        hypothesis=fence(hypothesis.sentence, "HYPOTHESIS"),
        earlier=fence("\n".join(earlier), "EARLIER", MAX_FENCE) if earlier else "None.",
        evidence=evidence,
    )


def _verdict(text: str) -> Verdict | None:
    """None for what is not exactly a verdict: a critic that cannot speak must not kill."""
    try:
        verdict = Verdict.model_validate(read_json(text))
    except ValidationError:
        return None
    return verdict if verdict.keep or verdict.reason.strip() else None
