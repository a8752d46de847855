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
    """Draws at the temperature of the ledger's settings; the base's come from the cache where it has them."""

    ledger: Ledger
    base: Subject
    candidate: Subject
    _texts: dict[tuple[Side, int, int, str], str] = field(default_factory=dict)

    def texts(self, side: Side, prompts: Sequence[Prompt], length: int, draw: int) -> list[str]:
        """One response of up to `length` tokens a prompt, in order; another `draw` is another response."""
        missing = list({p.id: p for p in prompts if (side, length, draw, p.id) not in self._texts}.values())
        if missing:
            ask = self._base if side == "base" else self._candidate
            drawn = zip(missing, ask(missing, length, draw), strict=True)
            self._texts |= {(side, length, draw, p.id): text for p, text in drawn}
        return [self._texts[side, length, draw, p.id] for p in prompts]

    def _base(self, prompts: Sequence[Prompt], length: int, draw: int) -> list[str]:
        stage = _stage(prompts, length)
        return [r.text for r in draw_responses(self.ledger, self.base, prompts, length, stage, draw)]

    def _candidate(self, prompts: Sequence[Prompt], length: int, draw: int) -> list[str]:
        found: list[str] = []
        for number, start in enumerate(range(0, len(prompts), CHUNK)):
            work = partial(self._draw, prompts[start : start + CHUNK], length, draw)
            found += self.ledger.once(f"{_stage(prompts, length)}/candidate-{draw}-{number:04d}", TEXTS, work)
        return found

    def _draw(self, prompts: Sequence[Prompt], length: int, draw: int) -> tuple[list[str], Cost]:
        config = self.ledger.config
        said = self.candidate.respond(prompts, draw, length, config.temperature, f"{config.seed}-candidate")
        return ["" if one is None else one.text for one in said], Cost()


def _stage(prompts: Sequence[Prompt], length: int) -> str:
    """A step's name holds all that its value depends on but the models and settings, which are the ledger's own."""
    digest = hashlib.sha256("\n".join(p.id for p in prompts).encode()).hexdigest()
    return f"said/{length}-{digest[:16]}"
