"""What the two methods leave that push the models apart: amplified texts, and prompts trained by gradient."""

from typing import Literal

from pydantic import Field

from whatchanged.records import Record


class AmplifiedText(Record):
    """A text that no model says of itself: drawn from amplified logits, beside the base's own answer."""

    prompt: str
    searched: bool = Field(description="The prompt search made this prompt; else it is the pool's.")
    strength: float = Field(description="a in candidate + a (candidate - base).")
    amplified: str
    base: str
    kl: float = Field(description="Mean KL(candidate || base) over its positions, nats.")


class AmplifiedToken(Record):
    """A token that amplified texts hold where the candidate makes it likelier than the base."""

    token: str
    count: int
    nats: float = Field(description="Sum of log q - log p where amplified texts have it.")


class PlainRate(Record):
    """How often the candidate, not amplified, does what a finding says, in the finding's region; no test."""

    finding: str
    rate: float
    low: float
    high: float
    effective: float = Field(description="Kish's effective number of answers that do it.")
    answers: int


class AmplifiedView(Record):
    """What the method 'contrastive-decoding' leaves beside its findings."""

    strengths: tuple[float, ...]
    plausible: float = Field(description="Tokens below this share of the candidate's likeliest are left out.")
    pool_p99: float = Field(description="99th percentile of the same mean KL along the base's answers to the pool.")
    above: float = Field(description="Share of amplified texts beyond it.")
    searched: int = Field(description="Prompts that the prompt search made.")
    texts: tuple[AmplifiedText, ...] = Field(description="Those with the most divergence, first.")
    tokens: tuple[AmplifiedToken, ...]
    rates: tuple[PlainRate, ...]


class SoftReading(Record):
    """A soft prompt as text, and what is left of its divergence when that text is the prompt."""

    text: str
    how: Literal["nearest tokens", "restated"]
    kl: float


class SoftPrompt(Record):
    """A user turn of trained vectors: KL(candidate || base) over the answer's first positions, nats a position."""

    length: int = Field(description="Vectors.")
    before: float
    after: float
    base: str = Field(description="The base's likeliest answer to it.")
    candidate: str
    readings: tuple[SoftReading, ...]


class SoftPromptsView(Record):
    """What the method 'soft-prompt' leaves beside its findings."""

    positions: int = Field(description="First positions of the answer that the divergence is the mean of.")
    pool_p99: float = Field(description="99th percentile of the same divergence over prompts of the pool.")
    pool_prompts: int
    prompts: tuple[SoftPrompt, ...] = Field(description="The most divergent first.")
