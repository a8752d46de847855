"""What a reasoner and a critic read of the evidence: hostile texts, each in its fence."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from whatchanged.records import Lead, Pair, Prompt, TokenShift
from whatchanged.roles.telling import telling
from whatchanged.roles.text import fence, shorten, visible

MAX_PAIRS = 24
MAX_LEADS = 8
MAX_TOKENS = 4
# Characters. A pair's texts are shown around the place where they part.
MAX_EVIDENCE = 5000
MAX_PHRASE = 80
MAX_TOKEN = 20
MAX_QUESTION = 160
BEFORE = 40
WINDOW = 200
MAX_SHOWN = 300
MAX_FENCE = 4000
CUT = "[...]"


@dataclass(frozen=True)
class KnownClaim:
    """A claim that exists already, what is known of it ('proposed', 'confirmed', 'refuted' ...), and its effect."""

    sentence: str
    status: str
    effect: float | None = None


@dataclass(frozen=True)
class EvidenceText:
    """The evidence as rows of JSON, one a lead and one a pair that differs, so that no text can pose as another.

    `gate` is the two-sample test's result and `weights` what the weights show, where there are any. `notes` are further
    texts of the models, such as self-reports. `tags` are those of the prompts, the most frequent in the pairs first.
    `judge`: whether somebody reads rubrics, so that one may be proposed. Of the pairs that differ, confirmed claims
    account for `explained`; these are not among `pairs`.
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
    explained: int = 0

    def render(self, max_pairs: int = MAX_PAIRS, limit: int = MAX_EVIDENCE) -> str:
        """Fenced, in at most `limit` characters: leads, then as many pairs as fit, at most `max_pairs`, then notes.

        Leads take a third of the room at most; notes have a quarter of the rest for themselves. What the weights and
        the two-sample tests say is short and always there.
        """
        parts = [
            f"{title}:\n{fence(text, label, MAX_SHOWN)}"
            for title, label, text in ((WEIGHTS, "WEIGHTS", self.weights), (GATE, "GATE", self.gate))
            if text
        ]
        room = limit - len("\n".join([*parts, self._counted()]))
        if leads := "\n".join(fitting(self.leads, room // 3 - len(LEADS) - FENCE_SIZE)):
            parts.insert(0, f"{LEADS}:\n{fence(leads, 'LEADS', MAX_FENCE)}")
        parts.append(self._counted())
        left = limit - len("\n".join(parts))
        pairs = (fence(pair, "PAIR", MAX_FENCE) for pair in self.pairs[:max_pairs])
        parts.extend(fitting(pairs, left - (left // 4 if self.notes else 0)))
        notes = (fence(note, "NOTE") for note in self.notes)
        return "\n".join([*parts, *fitting(notes, limit - len("\n".join(parts)))])

    def _counted(self) -> str:
        shown = f" Confirmed claims account for {self.explained} of them; here are others." if self.explained else ""
        return f"Pairs of responses: {self.differing} of {self.seen} differ.{shown}"


LEADS = "Tokens that the candidate gained and lost together, with their mean probability in base and candidate"
WEIGHTS = "What the weights show"
GATE = "Two-sample test"
FENCE_SIZE = len(fence("", "LEADS")) + 2


def evidence_text(
    leads: Sequence[Lead],
    pairs: Sequence[Pair],
    prompts: Mapping[str, Prompt],
    notes: Sequence[str] = (),
    weights: str = "",
    gate: str = "",
    judge: bool = False,
    explained: frozenset[str] = frozenset(),
) -> EvidenceText:
    """The evidence of discovery. Of the pairs that differ it takes 24 at most, the most telling first, one a prompt.

    `explained`: ids of prompts whose pairs confirmed claims account for.
    """
    differing = [pair for pair in pairs if pair.base.text != pair.candidate.text]
    open_ = [pair for pair in differing if pair.prompt_id not in explained]
    return EvidenceText(
        leads=tuple(lead_row(lead) for lead in leads[:MAX_LEADS]),
        pairs=tuple(_pair_row(pair, prompts[pair.prompt_id]) for pair in telling(open_, MAX_PAIRS)),
        seen=len(pairs),
        differing=len(differing),
        tags=_tags(open_, prompts),
        notes=tuple(notes),
        weights=weights,
        gate=gate,
        judge=judge,
        explained=len(differing) - len(open_),
    )


def _tags(pairs: Sequence[Pair], prompts: Mapping[str, Prompt]) -> tuple[str, ...]:
    """All tags of the prompts, first those that most of these pairs have."""
    seen = Counter(tag for pair in pairs for tag in prompts[pair.prompt_id].tags)
    tags = {tag for prompt in prompts.values() for tag in prompt.tags}
    return tuple(sorted(tags, key=lambda tag: (-seen[tag], tag)))


def fitting(rows: Iterable[str], limit: int) -> list[str]:
    """The first rows that come to at most `limit` characters with a line break after each."""
    kept: list[str] = []
    for row in rows:
        limit -= len(row) + 1
        if limit < 0:
            break
        kept.append(row)
    return kept


def spread(pairs: Sequence[Pair], count: int) -> list[Pair]:
    """At most `count` of the pairs, of different prompts, evenly spaced in their order."""
    first = list({pair.prompt_id: pair for pair in reversed(pairs)}.values())[::-1]
    step = max(1.0, len(first) / count)
    return [first[int(i * step)] for i in range(min(count, len(first)))]


def around(base: str, candidate: str) -> tuple[str, str]:
    """Both texts from shortly before the first character in which they differ, and not far beyond it."""
    base, candidate = visible(base), visible(candidate)
    same = next((i for i, (a, b) in enumerate(zip(base, candidate, strict=False)) if a != b), None)
    parting = min(len(base), len(candidate)) if same is None else same
    start = max(0, parting - BEFORE)
    return _window(base, start), _window(candidate, start)


def _window(text: str, start: int) -> str:
    end = start + WINDOW
    return f"{CUT if start else ''}{text[start:end]}{CUT if len(text) > end else ''}"


def lead_row(lead: Lead) -> str:
    """A lead in JSON: its phrase, and the tokens gained and lost with their mean probability in base and candidate."""

    def tokens(shifts: Sequence[TokenShift]) -> list[tuple[str, float, float]]:
        return [(visible(s.text)[:MAX_TOKEN], round(s.p, 4), round(s.q, 4)) for s in shifts[:MAX_TOKENS]]

    phrase = {} if lead.phrase is None else {"phrase": _clip(lead.phrase, MAX_PHRASE)}
    return _row(
        {
            **phrase,
            "at_opening": lead.at_opening,
            "share_of_divergence": round(lead.share, 3),
            "gained": tokens(lead.gained),
            "lost": tokens(lead.lost),
        }
    )


def _pair_row(pair: Pair, prompt: Prompt) -> str:
    base, candidate = around(pair.base.text, pair.candidate.text)
    return _row({"prompt": _clip(prompt.text, MAX_QUESTION), "base": base, "candidate": candidate})


def _clip(text: str, limit: int) -> str:
    return shorten(visible(text), limit)


def _row(values: Mapping[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False)
