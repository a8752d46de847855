"""A language model that counts what its calls cost, for roles whose functions return verdicts and not prices."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from whatchanged.endpoints import Ask, LanguageModel, Reply


@dataclass
class Metered(LanguageModel):
    """Passes asks on; `calls` were asked so far, and `usd` is what their replies cost, as far as prices are known."""

    model: LanguageModel
    calls: int = field(default=0, init=False)
    usd: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.name, self.fingerprint = self.model.name, self.model.fingerprint

    def ask(self, asks: Sequence[Ask]) -> list[Reply | None]:
        """The model's own replies."""
        self.calls += len(asks)
        replies = self.model.ask(asks)
        self.usd += sum(reply.usd or 0.0 for reply in replies if reply is not None)
        return replies
