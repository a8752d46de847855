"""What users write, in tokens: how common each token is in a user's turn, and what comes next in one."""

from collections.abc import Sequence
from functools import cached_property
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from whatchanged.records import Cost, Prompt, Tokens
from whatchanged.search.finder import Evidence
from whatchanged.subjects import Context, Continue, Ids, Subject, plan, stream_key
from whatchanged.weights.predict.frames import frame_of

READ = 64
LONGEST = 120
# At which a user's next words are drawn: the likelier ones more often than they come.
TEMPERATURE = 0.7
# Saying sentences takes no more than this part of the tokens that may still be decoded: one in so many.
SAID = 8
# What ends a sentence, and is its last token; and what is no part of it.
ENDS, BREAKS = ".!?", "\n"


class UserWords:
    """The two models' own idea of a user's turn; counts what asking them costs."""

    def __init__(self, evidence: Evidence) -> None:
        self.base, self.candidate = evidence.base, evidence.candidate
        self.prompts = [p for p in evidence.prompts if len(p.messages) == 1 and p.text][:READ]
        self.cost = Cost()
        self._sayable = evidence.ledger.tokens_left() // SAID
        self._frames = [frame_of(subject, "{}") for subject in (self.base, self.candidate)]

    def text(self, tokens: Ids) -> str:
        """The tokens as they stand in a prompt; empty where they are no printable text."""
        text = self.base.detokenize(tokens).strip()
        return text if text.isprintable() and "\ufffd" not in text else ""

    def frequent(self, count: int) -> list[int]:
        """At most `count` tokens with a text of their own, the likeliest in a user's turn first."""
        return self._by_frequency[:count]

    def following(self, prompts: Sequence[Prompt], count: int) -> list[list[int]]:
        """For each unfinished prompt the `count` likeliest next tokens of each model, the candidate's first."""
        found: list[list[int]] = [[] for _ in prompts]
        for side in (1, 0):
            subject = (self.base, self.candidate)[side]
            contexts = [self._open(side, p) for p in prompts]
            for batch in plan([c.length for c in contexts]):
                rows = (r for block in subject.score([contexts[i] for i in batch]).blocks() for r in block)
                for i, row in zip(batch, rows, strict=True):
                    found[i] += row.topk(min(count, len(row))).indices.tolist()
            self._spent(side, subject, contexts)
        return found

    def openers(self, prompts: Sequence[Prompt], count: int) -> list[int]:
        """At most `count` tokens of words that a user may go on with behind finished prompts, the likeliest first."""
        contexts = [self._open(0, p) for p in prompts]
        mean = sum(
            block.double().sum(0).cpu().numpy()
            for batch in plan([c.length for c in contexts])
            for block in self.base.score([contexts[i] for i in batch]).blocks()
        )
        self._spent(0, self.base, contexts)
        order = np.argsort(-np.asarray(mean), kind="stable").tolist()
        words = (t for t in order if any(c.isalpha() for c in self.text((t,))) and t not in self.base.end_ids)
        return list(islice(words, count))

    def spoken(self, prompts: Sequence[Prompt], starts: Sequence[Ids], each: int, longest: int, key: str) -> list[Ids]:
        """What a user may say behind prompts, in turn, from each start on to the sentence's end: the base's draws.

        At most `longest` tokens, the start's among them; `each` draws a start, of which equal ones count once. No more
        draws than an eighth of what may still be decoded allows.
        """
        rows = [self._open(0, p).prompt for p in prompts]
        asked = [(start, i) for start in starts if len(start) < longest for i in range(each)]
        asked = asked[: (self._sayable - self.cost.decoded_tokens.base) // longest]
        requests = [Continue((*rows[i % len(rows)], *start), (), stream_key(key, *start, i)) for start, i in asked]
        drawn = self.base.sample(requests, longest - 1, TEMPERATURE)
        self.cost += Cost(decoded_tokens=Tokens(base=sum(d.decoded for d in drawn)))
        said = [self._sentence(start, d.tokens)[:longest] for (start, _), d in zip(asked, drawn, strict=True)]
        return list(dict.fromkeys(said))

    def _sentence(self, start: Ids, tokens: Ids) -> Ids:
        """The start and what follows, up to where the sentence or the line ends."""
        for n, token in enumerate(tokens):
            text = self.base.detokenize([token])
            if any(c in text for c in BREAKS):
                return (*start, *tokens[:n])
            if any(c in text for c in ENDS):
                return (*start, *tokens[: n + 1])
        return (*start, *tokens)

    @cached_property
    def _by_frequency(self) -> list[int]:
        """Mean next-token probability of the base over users' turns; of tokens alike but for the space, one."""
        mean = self._mean()
        texts: dict[str, int] = {}
        spaced = set()
        for token in np.argsort(-mean, kind="stable").tolist():
            raw = self.base.detokenize([token])
            word = self.text((token,))
            if not word or token in self.base.end_ids:
                continue
            if word not in texts or (raw[0] == " " and word not in spaced):
                texts[word] = token  # the form with a space can follow another word
            if raw[0] == " ":
                spaced.add(word)
        return list(texts.values())

    def _mean(self) -> NDArray[np.float64]:
        contexts = [self._turn(p) for p in self.prompts]
        total: NDArray[np.float64] = np.zeros(1)
        for batch in plan([c.length for c in contexts]):
            for block in self.base.score([contexts[i] for i in batch]).blocks():
                total = total + block.double().exp().sum(0).cpu().numpy()
        self._spent(0, self.base, contexts)
        return total

    def _turn(self, prompt: Prompt) -> Context:
        """The prompt's words as a response to the template's opening: every position of them is scored."""
        whole = self._open(0, prompt).prompt[:LONGEST]
        opening = max(len(self.base.user_opening()), 1)
        return Context(whole[:opening], whole[opening:])

    def _open(self, side: int, prompt: Prompt) -> Context:
        """The prompt without the template's end: the user could go on."""
        row = (self.base, self.candidate)[side].encode(prompt)
        return Context(row[: len(row) - len(self._frames[side].suffix)])

    def _spent(self, side: int, subject: Subject, contexts: Sequence[Context]) -> None:
        scored = subject.scored_tokens(contexts)
        self.cost += Cost(scored_tokens=Tokens(candidate=scored) if side else Tokens(base=scored))
