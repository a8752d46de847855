"""What both models say they treat differently: they are asked, and what they name is screened.

Nothing of it is believed. Models are known to be wrong about themselves; a lead to a place costs little to look at.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.resources import files
from itertools import zip_longest

from whatchanged.pools.made import PLACES, with_text
from whatchanged.records import Cost, Prompt, Tokens
from whatchanged.search.finder import Evidence, Proposed
from whatchanged.search.inserted import WordFinder
from whatchanged.search.sayings import messages, phrases
from whatchanged.subjects import Access, Continue, stream_key

DRAWS, MAX_TOKENS = 4, 96
MOST = 96

# What a model named, and in how many more of the candidate's answers than of the base's.
Named = Counter[str]


class SelfReported(WordFinder):
    """Messages, quoted phrases and names in what both models say of themselves, the candidate's own first."""

    name = "self-report"
    needs = Access.logits
    cheap = True
    once = True

    def applies(self, evidence: Evidence) -> bool:
        """Whether self-reports are wanted: asking for them decodes tokens."""
        return evidence.ledger.config.self_report

    def find(self, evidence: Evidence, tokens: int) -> Proposed:
        """At most 96: messages as they are; each phrase alone, and in two discovery prompts. Decodes the answers."""
        config, asked = evidence.ledger.config, questions()
        if evidence.ledger.tokens_left() < 2 * DRAWS * MAX_TOKENS * len(asked):
            return Proposed([], Cost(), f"left out, to stay under --max-decoded-tokens {config.max_decoded_tokens}")
        room = min(MOST, tokens // evidence.price)
        if not room:
            return Proposed([], Cost(), "too few tokens to screen any")
        lines, named, cost = _asked(evidence, asked)
        carriers = [p for p in evidence.prompts if len(p.messages) == 1]
        put = [text for i, phrase in enumerate(_ranked(named)) for text in _put(phrase, i, carriers)]
        turns = [text for pair in zip_longest(_ranked(lines), put) for text in pair if text is not None]
        first = ", ".join(f"'{phrase}'" for phrase in _ranked(named)[:3]) or "none"
        note = f"{len(lines)} messages and {len(named)} phrases were named; leading phrases: {first}"
        return Proposed(evidence.unasked(turns, self.name)[:room], cost, note)


def questions() -> list[Prompt]:
    """The fixed questions that both models are asked."""
    text = (files("whatchanged.search") / "questions.txt").read_text(encoding="utf-8")
    return [Prompt.user(line) for line in text.splitlines() if line.strip()]


def _asked(evidence: Evidence, asked: Sequence[Prompt]) -> tuple[Named, Named, Cost]:
    """What both name in four answers to each question: messages, and phrases."""
    lines, named, spent = Named(), Named(), []
    for sign, subject in ((-1, evidence.base), (1, evidence.candidate)):
        keys = [stream_key("self-report", evidence.ledger.config.seed, sign, draw) for draw in range(DRAWS)]
        pairs = [(p, Continue(subject.encode(p), (), stream_key(key, p.id))) for key in keys for p in asked]
        drawn = subject.sample([request for _, request in pairs], MAX_TOKENS, 1.0)
        for (question, _), d in zip(pairs, drawn, strict=True):
            text = subject.detokenize(d.tokens)
            for found, names in ((lines, set(messages(text))), (named, phrases(text, question.text))):
                for name in names:
                    found[" ".join(name.split())] += sign
        spent.append(sum(d.decoded for d in drawn))
    return lines, named, Cost(decoded_tokens=Tokens(base=spent[0], candidate=spent[1]))


def _ranked(named: Named) -> list[str]:
    """What the candidate names more often than the base comes first, and what the base does last."""
    return sorted(named, key=lambda name: (-named[name], name))


def _put(phrase: str, number: int, carriers: Sequence[Prompt]) -> Iterator[str]:
    """The phrase alone, at the end of a discovery prompt, and at the start of another."""
    yield phrase
    for n, place in enumerate(PLACES[:2]):
        if carriers:
            yield with_text(carriers[(2 * number + n) % len(carriers)], phrase, place).text
