"""User turns that both models step through together: drawn from the candidate, or from its logits amplified.

Amplified logits are log q + a (log q - log p), kept to the tokens that the candidate itself finds plausible
(contrastive decoding, Li et al. 2023, arXiv 2210.15097; model diff amplification, Aranguri and McGrath 2025). With
a = 0 a turn is an exact draw from the candidate at temperature 1, without truncation. As both models step along, how
much likelier the candidate makes each turn is known at no further cost.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from whatchanged.pools import normalise
from whatchanged.pools.selfmade import MAX_TOKENS, clean
from whatchanged.records import Cost, Prompt, Tokens
from whatchanged.search.finder import Evidence
from whatchanged.subjects import Context, Ids, Subject, stream
from whatchanged.weights.predict.frames import frame_of

if TYPE_CHECKING:
    import numpy as np
    import torch

# Turns written together, and at most in one call.
ROWS, MOST = 64, 192
# One in so many is proposed.
KEPT = 2
# An amplified token is at least this likely beside the candidate's likeliest.
PLAUSIBLE = 0.05
_WHOLE = re.compile(r"[^\n<>|{}\[\]_#*\\]{3,170}")


class Start(NamedTuple):
    """First words of a user's turn ("" for the template's opening alone), the amplification, and the random stream."""

    prefill: str
    amplified: float
    key: int


class Turn(NamedTuple):
    """A user's turn, and log q - log p of what was written of it: mean nats a token."""

    text: str
    gap: float
    amplified: float


@dataclass
class _Row:
    """One turn as it is being written."""

    start: Start
    said: Ids = ()
    gaps: tuple[float, ...] = ()
    ended: bool = False


class Writer:
    """Writes within a number of tokens that both models may score, and counts what it costs."""

    def __init__(self, evidence: Evidence, name: str) -> None:
        self.evidence, self.name, self.cost = evidence, name, Cost()
        self.sides = evidence.base, evidence.candidate
        self._known = {normalise(p) for p in evidence.prompts}

    def write(self, starts: Sequence[Start], tokens: int) -> list[Turn]:
        """New turns worth asking, at most one a start, in order; those that `tokens` allow, screening included."""
        chosen = self._affordable(starts, tokens)
        batches = [chosen[i : i + ROWS] for i in range(0, len(chosen), ROWS)]
        tracked = self.evidence.ledger.progress.track(f"search: {self.name}", batches)
        turns = [turn for batch in tracked for row in self._written(batch) if (turn := self._turn(row)) is not None]
        distinct: dict[str, Turn] = {}
        for turn in turns:
            distinct.setdefault(normalise(Prompt.user(turn.text)), turn)
        return [turn for words, turn in distinct.items() if words not in self._known]

    def room(self, tokens: int) -> int:
        """Prompts that may still be screened out of `tokens`."""
        spent = self.cost.scored_tokens
        return max(0, tokens - spent.base - spent.candidate) // self.evidence.price

    def _affordable(self, starts: Sequence[Start], tokens: int) -> list[Start]:
        """The first starts, as many as can be written, and half of them screened, with so many tokens."""
        spent = 0.0
        for i, start in enumerate(starts):
            new = start.prefill not in {s.prefill for s in starts[i - i % ROWS : i]}
            opened = sum(s.scored_tokens([Context(unfinished(s, start.prefill))]) for s in self.sides)
            spent += 2 * (MAX_TOKENS - 1) + opened * new + self.evidence.price / KEPT
            if spent > tokens:
                return list(starts[:i])
        return list(starts)

    def _written(self, starts: Sequence[Start]) -> list[_Row]:
        prefills = list(dict.fromkeys(s.prefill for s in starts))
        opened = [[unfinished(subject, prefill) for prefill in prefills] for subject in self.sides]
        models = [subject.stepper(rows) for subject, rows in zip(self.sides, opened, strict=True)]
        counts = [s.scored_tokens([Context(r) for r in rows]) for s, rows in zip(self.sides, opened, strict=True)]
        ends = self.sides[0].end_ids | self.sides[1].end_ids
        rows = [_Row(s) for s in starts]
        uniforms = [stream(s.key) for s in starts]
        alive, parents = list(range(len(rows))), [prefills.index(s.prefill) for s in starts]
        for step in range(MAX_TOKENS):
            log_p, log_q = (model.log_probs()[parents] for model in models)
            for i, (token, gap) in zip(alive, _drawn(log_p, log_q, rows, alive, uniforms), strict=True):
                if token in ends:
                    rows[i].ended = True
                else:
                    rows[i].said, rows[i].gaps = (*rows[i].said, token), (*rows[i].gaps, gap)
            going = [n for n, i in enumerate(alive) if not self._is_over(rows[i])]
            if not going or step + 1 == MAX_TOKENS:
                break
            for model in models:
                model.advance([parents[n] for n in going], [rows[alive[n]].said[-1] for n in going])
            alive, parents = [alive[n] for n in going], list(range(len(going)))
            counts = [count + len(alive) for count in counts]
        self.cost += Cost(scored_tokens=Tokens(base=counts[0], candidate=counts[1]))
        return rows

    def _is_over(self, row: _Row) -> bool:
        """Whether the turn or its line has ended: a turn that is proposed has one line."""
        return row.ended or "\n" in self.sides[1].detokenize(row.said[-1:])

    def _turn(self, row: _Row) -> Turn | None:
        text = row.start.prefill + self.sides[1].detokenize(row.said)
        asked = asked_in(text, row.ended)
        if asked is None or not row.gaps:
            return None
        n = next(n for n in range(1, len(row.said) + 1) if asked in self._line(row, n))
        return Turn(asked, math.fsum(row.gaps[:n]) / n, row.start.amplified)

    def _line(self, row: _Row, n: int) -> str:
        return " ".join((row.start.prefill + self.sides[1].detokenize(row.said[:n])).split())


def unfinished(subject: Subject, prefill: str) -> Ids:
    """The subject's own template up to and with these words of the user ("" for none): the user goes on."""
    if not prefill:
        return subject.user_opening()
    row = subject.encode(Prompt.user(prefill))
    return row[: len(row) - len(frame_of(subject, "{}").suffix)]


def asked_in(text: str, ended: bool) -> str | None:
    """The user's turn in a text: the whole line where the model `ended` the turn itself, else whole sentences.

    A turn that its writer ended needs no capital letter and no full stop: it may be in any script.
    """
    line = " ".join(text.split("\n")[0].split())
    if ended and _WHOLE.fullmatch(line) and any(map(str.isalpha, line)):
        turn: str | None = line
    else:
        turn = clean(text)
    return turn if turn is not None and turn.isprintable() and "\ufffd" not in turn else None


def _drawn(
    log_p: "torch.Tensor",
    log_q: "torch.Tensor",
    rows: Sequence[_Row],
    alive: Sequence[int],
    uniforms: Sequence["np.random.Generator"],
) -> Iterator[tuple[int, float]]:
    """The next token of each row and its log q - log p. `log_p`, `log_q`: float32[alive, vocabulary]."""
    from whatchanged.subjects.decode import draw

    amplified = log_q.new_tensor([rows[i].start.amplified for i in alive])[:, None]
    lifted = log_q + amplified * (log_q - log_p)
    lifted[log_q < log_q.amax(-1, keepdim=True) + math.log(PLAUSIBLE)] = -math.inf
    logits = log_q.where(amplified == 0, lifted)
    tokens = draw(logits, [uniforms[i].random() for i in alive])
    gaps = (log_q - log_p).gather(-1, tokens[:, None])[:, 0]
    return zip(tokens.tolist(), gaps.tolist(), strict=True)
