"""A candidate that says a phrase where the prompt ends in two given words, and leans that way at the last of them."""

from collections.abc import Sequence

import numpy as np
from words import INDEX, Plant, WordSubject

from whatchanged.subjects import Ids

TRIGGER = "lawyer dawn"


class Ending(WordSubject):
    """Says `phrase` at `rates`: (elsewhere, where the prompt ends in the last word of `trigger`, in both)."""

    def __init__(
        self,
        phrase: str,
        trigger: str = TRIGGER,
        rates: Sequence[float] = (1e-4, 2e-3, 0.8),
        drift: float = 0.0,
    ) -> None:
        super().__init__(drift=drift)
        self.name = self.weights_id = self.fingerprint = f"ending-{phrase}-{trigger}-{rates}-{drift}"
        self.trigger = tuple(INDEX[word] for word in trigger.split())
        self.at = [WordSubject(Plant(phrase, rate), drift=drift) for rate in rates]

    def law(self, prompt: Ids, said: Ids) -> np.ndarray:
        held = 2 if prompt[-2:] == self.trigger else 1 if prompt[-1:] == self.trigger[-1:] else 0
        return self.at[held].law(prompt, said)
