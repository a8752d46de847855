"""What a reasoner and a critic read of the evidence: hostile texts, each in its fence."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whatchanged.records import Lead, Pair, Prompt, TokenShift
from whatchanged.roles.text import fence, shorten, visible

MAX_PAIRS = 24
MAX_LEADS = 8
MAX_TOKENS = 6
MAX_TEXT = 500
MAX_FENCE = 4000


@dataclass(frozen=True)
class KnownClaim:
    """A claim that exists already, and what is known of it: 'proposed', 'confirmed', 'refuted' ..."""

    sentence: str
    status: str


@dataclass(frozen=True)
class EvidenceText:
    """The evidence as rows of JSON, one a lead and one a pair that differs, so that no text can pose as another.

    `gate` is the two-sample test's result and `weights` what the weights show, where there are any.
    `notes` are further texts of the models, such as self-reports. `tags` are those of the prompts.
    `judge`: whether somebody reads rubrics, so that one may be proposed.
    """

    leads: tuple[str, ...]
    pairs: tuple[str, ...]
    seen: int
    differing: int
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    weights: str = ""
    gate: str = ""
    judge: bool = False

    def render(self, max_pairs: int = MAX_PAIRS) -> str:
        """Everything, fenced, with at most that many pairs."""
        rows = ("\n".join(self.leads), self.weights, self.gate)
        parts = [
            f"{title}:\n{fence(text, label, MAX_FENCE)}"
            for title, label, text in zip(TITLES, ("LEADS", "WEIGHTS", "GATE"), rows, strict=True)
            if text
        ]
        parts.append(f"Pairs of responses: {self.differing} of {self.seen} differ.")
        parts.extend(fence(pair, "PAIR", MAX_FENCE) for pair in self.pairs[:max_pairs])
        parts.extend(fence(note, "NOTE") for note in self.notes)
        return "\n".join(parts)


TITLES = (
    "Tokens that the candidate gained and lost together, with their mean probability in base and candidate",
    "What the weights show",
    "Two-sample test",
)


def evidence_text(
    leads: Sequence[Lead],
    pairs: Sequence[Pair],
    prompts: Mapping[str, Prompt],
    notes: Sequence[str] = (),
    weights: str = "",
    gate: str = "",
    judge: bool = False,
) -> EvidenceText:
    """The evidence of discovery. Of the pairs that differ it takes 24 at most, evenly spread, one a prompt."""
    differing = [pair for pair in pairs if pair.base.text != pair.candidate.text]
    return EvidenceText(
        leads=tuple(_lead_row(lead) for lead in leads[:MAX_LEADS]),
        pairs=tuple(_pair_row(pair, prompts[pair.prompt_id]) for pair in spread(differing, MAX_PAIRS)),
        seen=len(pairs),
        differing=len(differing),
        tags=tuple(sorted({tag for prompt in prompts.values() for tag in prompt.tags})),
        notes=tuple(notes),
        weights=weights,
        gate=gate,
        judge=judge,
    )


def spread(pairs: Sequence[Pair], count: int) -> list[Pair]:
    """At most `count` of the pairs, of different prompts, evenly spaced in their order."""
    first = list({pair.prompt_id: pair for pair in reversed(pairs)}.values())[::-1]
    step = max(1.0, len(first) / count)
    return [first[int(i * step)] for i in range(min(count, len(first)))]


def _lead_row(lead: Lead) -> str:
    def tokens(shifts: Sequence[TokenShift]) -> list[tuple[str, float, float]]:
        return [(visible(s.text), round(s.p, 4), round(s.q, 4)) for s in shifts[:MAX_TOKENS]]

    return _row(
        {
            "gained": tokens(lead.gained),
            "lost": tokens(lead.lost),
            "phrase": None if lead.phrase is None else _clip(lead.phrase),
            "at_opening": lead.at_opening,
            "share_of_divergence": round(lead.share, 3),
        }
    )


def _pair_row(pair: Pair, prompt: Prompt) -> str:
    return _row({"prompt": _clip(prompt.text), "base": _clip(pair.base.text), "candidate": _clip(pair.candidate.text)})


def _clip(text: str) -> str:
    return shorten(visible(text), MAX_TEXT)


def _row(values: Mapping[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False)
