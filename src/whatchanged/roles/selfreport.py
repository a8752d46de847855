"""Self-report: both models are asked about themselves and about each other's answers.

What they say is never evidence. It is a source of hypotheses, which are tested like any other; models are known
to be wrong about themselves, and the hit rate of this source is reported.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from whatchanged.elicit.independent import answer_cost
from whatchanged.predicates.contrast import Support
from whatchanged.records import Cost, Pair, PredicateSpec, Prompt, Record, Region
from whatchanged.roles.evidence import spread
from whatchanged.roles.hypotheses import Proposal, sentence
from whatchanged.roles.text import fence, load_prompt, shorten, visible
from whatchanged.search.sayings import phrases
from whatchanged.subjects import Said, Subject

DRAWS = 4
PEER_QUESTIONS = 2
TRANSCRIPTS = 3
MAX_TEXT = 400
MAX_PROPOSALS = 8
MAX_NOTE = 200
MIN_ANSWERS = 4
MAX_BY_CHANCE = 0.25


class Answer(Record):
    """A question and what each model said about itself (or, `about_peer`, base about candidate and the reverse)."""

    question: str
    draw: int
    base: str
    candidate: str
    about_peer: bool = False

    @property
    def about(self) -> tuple[str, str]:
        """What was said about the base, and what about the candidate."""
        return (self.candidate, self.base) if self.about_peer else (self.base, self.candidate)


@dataclass(frozen=True)
class SelfReport:
    """What the models said, hypotheses made of it, and what it cost. Not evidence."""

    answers: tuple[Answer, ...]
    proposals: list[Proposal]
    usage: Cost

    def notes(self) -> tuple[str, ...]:
        """For a reasoner's evidence: what was said about base and candidate, first draws only, shortened."""
        return tuple(_note(answer) for answer in self.answers if answer.draw == 0)


def self_report(
    base: Subject, candidate: Subject, pairs: Sequence[Pair], prompts: Mapping[str, Prompt], seed: int
) -> SelfReport:
    """Ask both models the fixed questions, and each about the other's answers; four draws of each.

    `pairs` are of discovery; those that differ supply the transcripts. A question that either leaves
    unanswered is left out.
    """
    own = [Prompt.user(line) for line in load_prompt("self_report").body.splitlines() if line.strip()]
    pages = _pages(pairs)
    about_candidate = [_peer(page, prompts, of_candidate=True) for page in pages]
    about_base = [_peer(page, prompts, of_candidate=False) for page in pages]
    answers: list[Answer] = []
    cost = Cost()
    for draw in range(DRAWS):
        said = (
            _said(base, own + about_candidate, draw, f"{seed}-base"),
            _said(candidate, own + about_base, draw, f"{seed}-candidate"),
        )
        cost += answer_cost((base, candidate), said)
        answers += _answers(own, len(pages), draw, *said)
    return SelfReport(tuple(answers), _proposals(answers), cost)


def _note(answer: Answer) -> str:
    """A row of JSON, so that no answer can pose as the other model's."""
    texts = zip(("asked", "said_of_base", "said_of_candidate"), (answer.question, *answer.about), strict=True)
    return json.dumps({name: shorten(visible(text), MAX_NOTE) for name, text in texts}, ensure_ascii=False)


def most_tokens() -> int:
    """Tokens that both models may decode for a self-report."""
    header = load_prompt("self_report")
    questions = sum(bool(line.strip()) for line in header.body.splitlines()) + PEER_QUESTIONS
    return 2 * DRAWS * questions * header.max_tokens


def _said(subject: Subject, asked: Sequence[Prompt], draw: int, key: str) -> list[Said | None]:
    header = load_prompt("self_report")
    return subject.respond(asked, draw, header.max_tokens, header.temperature, f"self-report-{key}")


def _answers(
    own: Sequence[Prompt], pages: int, draw: int, base: Sequence[Said | None], candidate: Sequence[Said | None]
) -> Iterator[Answer]:
    questions = [(p.text, False) for p in own] + [
        (f"How does the other one answer? ({n + 1})", True) for n in range(pages)
    ]
    for (question, peer), a, b in zip(questions, base, candidate, strict=True):
        if a is not None and b is not None:
            yield Answer(question=question, draw=draw, base=a.text, candidate=b.text, about_peer=peer)


def _pages(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Pairs that differ, three to a question about the other model."""
    differing = [pair for pair in pairs if pair.base.text != pair.candidate.text]
    chosen = spread(differing, PEER_QUESTIONS * TRANSCRIPTS)
    return [chosen[i : i + TRANSCRIPTS] for i in range(0, len(chosen), TRANSCRIPTS)]


def _peer(page: Sequence[Pair], prompts: Mapping[str, Prompt], of_candidate: bool) -> Prompt:
    transcripts = "\n".join(
        fence(prompts[pair.prompt_id].text, "QUESTION", MAX_TEXT)
        + "\n"
        + fence((pair.candidate if of_candidate else pair.base).text, "ANSWER", MAX_TEXT)
        for pair in page
    )
    return Prompt.user(load_prompt("peer_report").render(transcripts=transcripts))


def _proposals(answers: Sequence[Answer]) -> list[Proposal]:
    """Quoted phrases and names that stand in far more answers about the candidate than about the base.

    Far more: in at least 4 answers more, and so uneven that chance would give less than a quarter of one
    among all that are frequent (two-sided binomial). The most uneven first.
    """
    found: dict[str, Support[str]] = {}
    for number, answer in enumerate(answers):
        for side, text in zip(("base", "candidate"), answer.about, strict=True):
            for phrase in phrases(visible(text), answer.question):
                support = found.setdefault(phrase, Support(phrase, len(answers)))
                getattr(support, side).add(str(number))
    frequent = [s for s in found.values() if max(len(s.base), len(s.candidate)) >= MIN_ANSWERS]
    strong = [
        s
        for s in frequent
        if len(s.candidate) - len(s.base) >= MIN_ANSWERS and s.chance * len(frequent) < MAX_BY_CHANCE
    ]
    strong.sort(key=lambda s: (-round(s.z, 6), -len(s.feature), s.feature))
    return [_proposal(s.feature) for s in strong[:MAX_PROPOSALS]]


def _proposal(phrase: str) -> Proposal:
    spec = PredicateSpec(family="phrase", args={"kind": "contains", "phrases": [phrase]})
    return Proposal(sentence=sentence(Region(), spec, "more"), region=Region(), predicate=spec, direction="more")
