"""A language model that says what the test wrote for it."""

from collections.abc import Callable, Sequence

from whatchanged.endpoints import Ask, LanguageModel, Reply


class Scripted(LanguageModel):
    """Answers each ask with `script(ask)`; None stands for a server that never answered. Keeps every ask."""

    def __init__(self, script: Callable[[Ask], str | None], name: str = "scripted", usd: float | None = None) -> None:
        self.script = script
        self.name = name
        self.fingerprint = name
        self.usd = usd
        self.asks: list[Ask] = []

    def ask(self, asks: Sequence[Ask]) -> list[Reply | None]:
        """Replies in order."""
        self.asks.extend(asks)
        texts = [self.script(ask) for ask in asks]
        return [None if text is None else Reply(text=text, usd=self.usd) for text in texts]

    @property
    def said(self) -> list[str]:
        """What it was asked, ask by ask: the contents of the messages joined."""
        return ["\n".join(m.content for m in ask.messages) for ask in self.asks]
