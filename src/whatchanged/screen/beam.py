"""Beam search for the response that the candidate prefers to the base most: sum(log q - log p) + b sum(log q).

In a diverse beam (Vijayakumar et al. 2018, arXiv 1610.02424, section 3) the beams are in groups that choose one after
the other at every step. A token that the best beam of an earlier group has just taken costs the later groups: so they
come to say something else, and one model's several payloads come out. Only the best beam counts: the other beams of a
group are variants of it, and hold ordinary words that every payload may need.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from whatchanged.records import Prompt
from whatchanged.subjects import Stepper, Subject

# Each token must add this much to stay in a payload's tail: past the payload the ratio stops rising.
RISE = 0.5
# Nats that it costs a group to say what an earlier one says at the same place.
PENALTY = 10.0


class Setting(NamedTuple):
    """b of the merit, the least log q of a token (nats), and how many groups share the beams."""

    weight: float
    floor: float
    groups: int


PLAIN = Setting(0.3, -14.0, 1)


@dataclass(frozen=True)
class Payload:
    """A response that the candidate prefers: its tokens and the log-likelihood ratio after each."""

    prompt_id: str
    tokens: tuple[int, ...]
    nats: tuple[float, ...]

    def trimmed(self) -> "Payload":
        """Up to where the ratio stops rising."""
        gains = [n - RISE * (i + 1) for i, n in enumerate(self.nats)]
        end = gains.index(max(gains)) + 1
        return Payload(self.prompt_id, self.tokens[:end], self.nats[:end])


class _Beam(NamedTuple):
    """What was said so far. A prompt's first beam, with nothing said, is of no group: every group goes on from it."""

    prompt: int
    group: int | None = None
    said: tuple[int, ...] = ()
    nats: tuple[float, ...] = ()


class _Step(NamedTuple):
    """A beam's next token: the beam's row, its group from here on, the token, and the score with it."""

    row: int
    group: int
    token: int
    score: float


@torch.inference_mode()
def search(
    base: Subject, candidate: Subject, prompts: Sequence[Prompt], beams: int, steps: int, setting: Setting = PLAIN
) -> list[Payload]:
    """The beams of each prompt after `steps` tokens, trimmed; every token at most once in a payload.

    A beam after which the candidate would only end, or only repeat itself, is a payload too.
    """
    models: tuple[Stepper, Stepper] = (
        base.stepper([base.encode(p) for p in prompts]),
        candidate.stepper([candidate.encode(p) for p in prompts]),
    )
    rows = [_Beam(i) for i in range(len(prompts))]
    score = torch.zeros(len(rows))
    ended = sorted(base.end_ids | candidate.end_ids)
    size = max(1, beams // setting.groups)
    done: list[_Beam] = []
    for step in range(steps):
        log_p, log_q = models[0].log_probs().cpu(), models[1].log_probs().cpu()
        ratio = log_q - log_p
        total = score[:, None] + _merit(ratio, log_q, rows, ended, setting)
        # Each earlier group can spoil one token for the later ones.
        values, tokens = total.topk(min(size + setting.groups - 1, total.shape[1]), dim=-1)
        done += [row for row, best in zip(rows, values[:, 0].tolist(), strict=True) if best == -torch.inf and row.said]
        chosen = list(_select(rows, values.tolist(), tokens.tolist(), size, setting.groups))
        rows = [_said(rows[c.row], c, float(ratio[c.row, c.token])) for c in chosen]
        if not rows:
            break
        score = torch.tensor([c.score for c in chosen])
        if step + 1 < steps:
            for model in models:
                model.advance([c.row for c in chosen], [c.token for c in chosen])
    return [Payload(prompts[row.prompt].id, row.said, row.nats).trimmed() for row in (*done, *rows)]


def _merit(
    ratio: torch.Tensor, log_q: torch.Tensor, rows: Sequence[_Beam], ended: Sequence[int], setting: Setting
) -> torch.Tensor:
    """float32[rows, vocabulary]: what each next token adds to a beam's score; -inf where it may not come."""
    merit = ratio + setting.weight * log_q
    merit[log_q < setting.floor] = -torch.inf
    merit[:, ended] = -torch.inf
    for number, row in enumerate(rows):
        merit[number, list(row.said)] = -torch.inf  # repetition is what drift turns into
    return merit


def _select(
    rows: Sequence[_Beam], values: Sequence[Sequence[float]], tokens: Sequence[Sequence[int]], size: int, groups: int
) -> Iterator[_Step]:
    """The best `size` extensions of each prompt's groups, prompt by prompt, each group after those before it."""
    for prompt in sorted({row.prompt for row in rows}):
        spoilt: list[int] = []
        for group in range(groups):
            own = [n for n, row in enumerate(rows) if row.prompt == prompt and row.group in (None, group)]
            options = [
                _Step(n, group, token, value - PENALTY * spoilt.count(token))
                for n in own
                for value, token in zip(values[n], tokens[n], strict=True)
                if value > -torch.inf
            ]
            kept = sorted(options, key=lambda step: (-step.score, step.row))[:size]
            spoilt += [step.token for step in kept[:1]]
            yield from kept


def _said(beam: _Beam, step: _Step, gain: float) -> _Beam:
    before = beam.nats[-1] if beam.nats else 0.0
    return _Beam(beam.prompt, step.group, (*beam.said, step.token), (*beam.nats, before + gain))
