"""What an audit spent, in units that do not depend on the machine, and in seconds."""

from pydantic import Field

from whatchanged.records.base import Record


class Tokens(Record):
    """Tokens per model. `reused` base responses came from the cache and were not decoded again."""

    base: int = 0
    candidate: int = 0
    reused: int = 0


class Cost(Record):
    """Sums over the run's steps, so that a resumed run reports what an uninterrupted one would."""

    scored_tokens: Tokens = Tokens()
    decoded_tokens: Tokens = Tokens()
    judge_calls: int = 0
    calls: int = Field(0, description="Calls to other language models behind an interface: subjects and roles.")
    usd: float = Field(0.0, description="What the providers charged, where their prices are known.")

    def __add__(self, other: "Cost") -> "Cost":
        def add(a: Tokens, b: Tokens) -> Tokens:
            return Tokens(base=a.base + b.base, candidate=a.candidate + b.candidate, reused=a.reused + b.reused)

        return Cost(
            scored_tokens=add(self.scored_tokens, other.scored_tokens),
            decoded_tokens=add(self.decoded_tokens, other.decoded_tokens),
            judge_calls=self.judge_calls + other.judge_calls,
            calls=self.calls + other.calls,
            usd=round(self.usd + other.usd, 6),
        )
