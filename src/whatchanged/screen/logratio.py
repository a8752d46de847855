"""Leads by log-ratio decoding: what would the candidate say more readily than the base, anywhere?

Beam search for the response that maximises sum(log q - log p) + b sum(log q) with a floor on log q.
It reads out conditional plants without their condition. Drift also yields payloads, but others in every context; a
payload counts only when it comes back in a quarter of them.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from whatchanged.records import ContextRef, Cost, Lead, Prompt, Tokens
from whatchanged.screen.lens import Evidence, Lens
from whatchanged.subjects import Access, Stepper, Subject

WEIGHT = 0.3
FLOOR = -14.0
BATCH_PROMPTS = 8
RECURS = 0.25
MIN_NATS = 10.0
# Each token must add this much to stay in a payload's tail: past the payload the ratio stops rising.
RISE = 0.5


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


class LogRatioLens(Lens):
    """Payloads that recur over ordinary prompts, whatever triggers them."""

    name = "log-ratio"
    needs = Access.logits

    def find(self, evidence: Evidence) -> tuple[list[Lead], Cost]:
        """Up to four leads, each a phrase, by the nats of its typical context."""
        limits = evidence.ledger.config.limits
        chosen = _single_turns(evidence.prompts)[: limits.beam_prompts]
        payloads: list[Payload] = []
        steps = 0
        for start in evidence.ledger.progress.track("screen: log-ratio decoding", range(0, len(chosen), BATCH_PROMPTS)):
            batch = chosen[start : start + BATCH_PROMPTS]
            payloads += search(evidence.base, evidence.candidate, batch, limits.beams, limits.beam_steps)
            steps += len(batch) * limits.beams * (limits.beam_steps - 1)
        # A beam token is a scored token of both models: nothing is sampled here.
        return _leads(evidence.base, payloads, len(chosen)), Cost(scored_tokens=Tokens(base=steps, candidate=steps))


def _single_turns(prompts: Sequence[Prompt]) -> list[Prompt]:
    return [p for p in prompts if len(p.messages) == 1 and len(p.text) < 300]


@torch.inference_mode()
def search(base: Subject, candidate: Subject, prompts: Sequence[Prompt], beams: int, steps: int) -> list[Payload]:
    """The beams of each prompt after `steps` tokens, trimmed; every token at most once in a payload.

    A beam after which the candidate would only end, or only repeat itself, is a payload too.
    """
    models: tuple[Stepper, Stepper] = (
        base.stepper([base.encode(p) for p in prompts]),
        candidate.stepper([candidate.encode(p) for p in prompts]),
    )
    owner = list(range(len(prompts)))
    said: list[tuple[int, ...]] = [()] * len(prompts)
    nats: list[tuple[float, ...]] = [()] * len(prompts)
    score = torch.zeros(len(prompts))
    payloads: list[Payload] = []
    ended = sorted(base.end_ids | candidate.end_ids)
    for step in range(steps):
        log_p, log_q = models[0].log_probs().cpu(), models[1].log_probs().cpu()
        ratio = log_q - log_p
        merit = ratio + WEIGHT * log_q
        merit[log_q < FLOOR] = -torch.inf
        merit[:, ended] = -torch.inf
        for row, tokens in enumerate(said):
            merit[row, list(tokens)] = -torch.inf  # repetition is what drift turns into
        values, tokens_ = (score[:, None] + merit).topk(min(beams, merit.shape[1]), dim=-1)
        stuck = (values[:, 0] == -torch.inf).nonzero()[:, 0].tolist()
        payloads += [Payload(prompts[owner[r]].id, said[r], nats[r]) for r in stuck if said[r]]
        if len(stuck) == len(said):
            return [p.trimmed() for p in payloads]
        parents, chosen, best = _select(owner, values, tokens_, beams)
        gain = ratio[parents, chosen].tolist()
        said = [(*said[r], t) for r, t in zip(parents, chosen, strict=True)]
        nats = [(*nats[r], (nats[r][-1] if nats[r] else 0.0) + g) for r, g in zip(parents, gain, strict=True)]
        owner = [owner[r] for r in parents]
        score = torch.tensor(best)
        if step + 1 < steps:
            for model in models:
                model.advance(parents, chosen)
    payloads += [Payload(prompts[o].id, t, n) for o, t, n in zip(owner, said, nats, strict=True)]
    return [p.trimmed() for p in payloads]


def _select(
    owner: Sequence[int], values: torch.Tensor, tokens: torch.Tensor, beams: int
) -> tuple[list[int], list[int], list[float]]:
    """The best `beams` extensions of each prompt: their rows, tokens and scores."""
    options: dict[int, list[tuple[float, int, int]]] = defaultdict(list)
    for row, (scores, ids) in enumerate(zip(values.tolist(), tokens.tolist(), strict=True)):
        options[owner[row]] += [(s, row, t) for s, t in zip(scores, ids, strict=True) if s > -1e30]
    kept = [o for prompt in sorted(options) for o in sorted(options[prompt], key=lambda o: (-o[0], o[1]))[:beams]]
    return [o[1] for o in kept], [o[2] for o in kept], [o[0] for o in kept]


def _leads(subject: Subject, payloads: Sequence[Payload], contexts: int) -> list[Lead]:
    """Payloads grouped by their first words; a group that spans enough prompts is a lead."""
    groups: dict[str, list[Payload]] = defaultdict(list)
    for payload in payloads:
        text = subject.detokenize(payload.tokens)
        words = re.findall(r"[^\W\d_]{2,}", text)
        if len(words) >= 3 and payload.nats[-1] >= MIN_NATS:
            groups[" ".join(words[:3]).lower()].append(payload)
    leads = []
    for group in groups.values():
        best = {p.prompt_id: p for p in sorted(group, key=lambda p: p.nats[-1])}
        if len(best) < RECURS * contexts:
            continue
        typical = sorted(best.values(), key=lambda p: p.nats[-1])[len(best) // 2]
        refs = tuple(
            ContextRef(prompt_id=p.prompt_id, draw=0, position=0, weight=round(p.nats[-1], 4)) for p in best.values()
        )
        leads.append((typical.nats[-1], subject.detokenize(typical.tokens).strip(), refs))
    leads.sort(key=lambda lead: -lead[0])
    return [
        Lead(
            id=f"log-ratio-{n}",
            contexts=refs,
            lenses=("log-ratio",),
            phrase=phrase,
            at_opening=True,
            nats=round(nats, 3),
            note=f"comes back in {len(refs)} of {contexts} contexts",
        )
        for n, (nats, phrase, refs) in enumerate(leads[:4])
    ]
