"""Leads by log-ratio decoding: what would the candidate say more readily than the base, anywhere?

A beam search that reads out conditional plants without their condition. Drift also yields payloads, but others in every
context; a payload counts only when it comes back in a quarter of them.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from whatchanged.config import Budget
from whatchanged.ledger import Progress
from whatchanged.records import ContextRef, Cost, Lead, Prompt, Tokens
from whatchanged.screen.beam import PLAIN, Payload, Setting, search
from whatchanged.screen.lens import Evidence, Lens
from whatchanged.subjects import Access, Subject

# The budget says how many of them are tried. With a large b the words come out clean; the plain search finds what is
# said most rarely, amid junk; and in groups, several payloads of one model come out.
SETTINGS = (Setting(2.0, -10.0, 1), PLAIN, Setting(1.0, -10.0, 4))
BATCH_PROMPTS = 8
RECURS = 0.25
MIN_NATS = 10.0
# What has fewer words is no phrase.
OPENING_WORDS = 3
MOST_LEADS = 4


@dataclass(frozen=True)
class Group:
    """Payloads with the same first three words, which came up in one or more of the `contexts` that were tried."""

    payloads: tuple[Payload, ...]
    contexts: int

    @cached_property
    def counted(self) -> list[Payload]:
        """The best payload of each context in which one is worth 10 nats."""
        return _best([p for p in self.payloads if p.nats[-1] >= MIN_NATS])

    @property
    def seen(self) -> int:
        """Contexts in which one came up, whatever it is worth."""
        return len({p.prompt_id for p in self.payloads})

    @property
    def recurrence(self) -> float:
        """Share of the contexts in which one is worth 10 nats."""
        return len(self.counted) / self.contexts

    @cached_property
    def typical(self) -> Payload:
        """The median of those that count; of all, where none does."""
        best = sorted(self.counted or _best(self.payloads), key=lambda p: p.nats[-1])
        return best[len(best) // 2]

    @property
    def nats(self) -> float:
        """What the typical payload is worth."""
        return self.typical.nats[-1]

    @property
    def passes(self) -> bool:
        """Whether it comes back often enough to be a lead."""
        return self.recurrence >= RECURS


class LogRatioLens(Lens):
    """Payloads that recur over ordinary prompts, whatever triggers them."""

    name = "log-ratio"
    needs = Access.logits

    def find(self, evidence: Evidence) -> tuple[list[Lead], Cost]:
        """Up to four leads, each a phrase, by the nats of its typical context."""
        ledger = evidence.ledger
        limits, both = ledger.config.limits, (evidence.base, evidence.candidate)
        groups, cost = read_out(*both, evidence.prompts, limits, SETTINGS[: limits.beam_settings], ledger.progress)
        passing = [group for group in groups if group.passes][:MOST_LEADS]
        return [_lead(evidence.base, group, number) for number, group in enumerate(passing)], cost


def read_out(
    base: Subject,
    candidate: Subject,
    prompts: Sequence[Prompt],
    limits: Budget,
    settings: Sequence[Setting],
    progress: Progress,
) -> tuple[list[Group], Cost]:
    """Every group of the payloads that come out at any of the settings, as `grouped` orders them; and the cost.

    Each prompt is a context; at most `limits.beam_prompts` short ones of a single turn are tried.
    """
    chosen = [p for p in prompts if len(p.messages) == 1 and len(p.text) < 300][: limits.beam_prompts]
    batches = [chosen[start : start + BATCH_PROMPTS] for start in range(0, len(chosen), BATCH_PROMPTS)]
    tries = [(setting, batch) for setting in settings for batch in batches]
    payloads: list[Payload] = []
    steps = 0
    for setting, batch in progress.track("screen: log-ratio decoding", tries):
        payloads += search(base, candidate, batch, limits.beams, limits.beam_steps, setting)
        steps += len(batch) * limits.beams * (limits.beam_steps - 1)
    # A beam token is a scored token of both models: nothing is sampled here.
    return grouped(base, payloads, len(chosen)), Cost(scored_tokens=Tokens(base=steps, candidate=steps))


def grouped(subject: Subject, payloads: Sequence[Payload], contexts: int) -> list[Group]:
    """Those of three words or more by their first three. Groups that pass come first, the most nats first; then the
    others, those first that come back most often."""
    found: dict[str, list[Payload]] = defaultdict(list)
    for payload in payloads:
        words = opening(subject.detokenize(payload.tokens))
        if words.count(" ") == OPENING_WORDS - 1:
            found[words].append(payload)
    groups = [Group(tuple(alike), contexts) for alike in found.values()]
    return sorted(groups, key=lambda g: (not g.passes, 0 if g.passes else -len(g.counted), -g.nats))


def opening(text: str) -> str:
    """The first three words, case aside; fewer where there are not so many."""
    return " ".join(re.findall(r"[^\W\d_]{2,}", text)[:OPENING_WORDS]).lower()


def phrase_of(subject: Subject, group: Group) -> str:
    """The typical payload up to where half of those that count still say the same, and no further than its line.

    What follows a payload in one context is no part of it: the answer goes on there. Where that leaves fewer than three
    words, it is the whole payload.
    """
    texts = [subject.detokenize(p.tokens).strip() for p in group.counted]
    tokens = group.typical.tokens
    whole = shared = subject.detokenize(tokens).strip()
    for n in range(len(tokens), 0, -1):
        shared = subject.detokenize(tokens[:n]).strip()
        if 2 * sum(text.startswith(shared) for text in texts) >= len(texts):
            break
    line = shared.split("\n")[0].rstrip()
    return line if opening(line) == opening(whole) else whole


def _best(payloads: Sequence[Payload]) -> list[Payload]:
    """Of each context the payload that is worth most."""
    return list({p.prompt_id: p for p in sorted(payloads, key=lambda p: p.nats[-1])}.values())


def _lead(subject: Subject, group: Group, number: int) -> Lead:
    contexts = tuple(
        ContextRef(prompt_id=p.prompt_id, draw=0, position=0, weight=round(p.nats[-1], 4)) for p in group.counted
    )
    return Lead(
        id=f"log-ratio-{number}",
        contexts=contexts,
        lenses=("log-ratio",),
        phrase=phrase_of(subject, group),
        at_opening=True,
        nats=round(group.nats, 3),
        note=f"comes back in {len(contexts)} of {group.contexts} contexts",
    )
