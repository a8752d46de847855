"""Responses of both models to fresh prompts, drawn independently; none is drawn twice."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from whatchanged.elicit import Side, draw_responses
from whatchanged.elicit.draws import CHUNK
from whatchanged.ledger import Ledger, json_codec
from whatchanged.records import Cost, Prompt
from whatchanged.subjects import Subject

TEXTS = json_codec(list[str])


@dataclass
class Spoken:
    """Draws at the length and temperature of the ledger's settings; the base's come from the cache if it has them."""

    ledger: Ledger
    base: Subject
    candidate: Subject
    _texts: dict[tuple[Side, str, int], str] = field(default_factory=dict)

    def texts(self, side: Side, prompts: Sequence[Prompt], draw: int) -> list[str]:
        """One response a prompt, in order; another `draw` is another response."""
        missing = list({p.id: p for p in prompts if (side, p.id, draw) not in self._texts}.values())
        if missing:
            drawn = self._base(missing, draw) if side == "base" else self._candidate(missing, draw)
            self._texts |= {(side, p.id, draw): text for p, text in zip(missing, drawn, strict=True)}
        return [self._texts[side, p.id, draw] for p in prompts]

    def _base(self, prompts: Sequence[Prompt], draw: int) -> list[str]:
        length = self.ledger.config.limits.response_tokens
        return [r.text for r in draw_responses(self.ledger, self.base, prompts, length, _stage(prompts), draw)]

    def _candidate(self, prompts: Sequence[Prompt], draw: int) -> list[str]:
        found: list[str] = []
        for number, start in enumerate(range(0, len(prompts), CHUNK)):
            work = partial(self._draw, prompts[start : start + CHUNK], draw)
            found += self.ledger.once(f"{_stage(prompts)}/candidate-{draw}-{number:04d}", TEXTS, work)
        return found

    def _draw(self, prompts: Sequence[Prompt], draw: int) -> tuple[list[str], Cost]:
        config = self.ledger.config
        key = f"{config.seed}-candidate"
        said = self.candidate.respond(prompts, draw, config.limits.response_tokens, config.temperature, key)
        return ["" if one is None else one.text for one in said], Cost()


def _stage(prompts: Sequence[Prompt]) -> str:
    """A step's name holds all that its value depends on but the models and settings, which are the ledger's own."""
    return "said/" + hashlib.sha256("\n".join(p.id for p in prompts).encode()).hexdigest()[:16]
