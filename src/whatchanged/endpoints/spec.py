"""What a model behind an interface is called: `PROVIDER/NAME+extra=JSON+price=IN/OUT`."""

import hashlib
import json
import math
import os.path
import re
from dataclasses import dataclass, field
from typing import Any

from whatchanged.errors import SpecError

# Inspect's own names, written out because asking Inspect for them means importing it.
PROVIDERS = frozenset(
    {
        "anthropic", "azureai", "bedrock", "cloudflare", "deepseek", "fireworks", "google", "grok", "groq",
        "hf", "hf-inference-providers", "litellm-proxy", "llama-cpp-python", "meta", "mistral", "mockllm",
        "moonshot", "nnterp", "none", "ollama", "openai", "openai-api", "openai-api-completions", "openrouter",
        "perplexity", "sagemaker", "sambanova", "sglang", "together", "transformer_lens", "vllm",
        "vllm-completions",
    }
)  # fmt: skip
# Providers that load the weights themselves, or start the server that does. Theirs are kept once a process.
LOADING = frozenset({"hf", "nnterp", "sglang", "transformer_lens", "vllm", "vllm-completions"})
# Nothing that fails in this process is mended by waiting.
IN_PROCESS = frozenset({"hf", "mockllm", "nnterp", "none", "transformer_lens"})
# Providers through which a server can be asked for the log probabilities of a prompt's tokens.
SCORING = frozenset({"openai-api", "openai-api-completions", "sglang", "vllm", "vllm-completions"})
# Providers that send one message as it is, without a chat template.
RAW = frozenset({"openai-api-completions", "vllm-completions"})
FREE = LOADING | {"llama-cpp-python", "mockllm", "none", "ollama"}
_OPTION = re.compile(r"\+(?=(?:extra|price)=)")


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float

    def of(self, tokens_in: int, tokens_out: int) -> float:
        """US dollars."""
        return (tokens_in * self.input + tokens_out * self.output) / 1e6


@dataclass(frozen=True)
class Endpoint:
    """A spec taken apart. `model` is what Inspect calls it, `extra` goes into every request's body as it is."""

    model: str
    extra: dict[str, Any] = field(default_factory=dict)
    price: Price | None = None

    @property
    def provider(self) -> str:
        """The part before the first '/'."""
        return self.model.partition("/")[0]

    @property
    def may_score(self) -> bool:
        """Whether asking for log probabilities of the prompt makes sense; few servers give them."""
        return self.provider in SCORING

    @property
    def raw(self) -> bool:
        """Whether the model reads the one message as it is, so that its answer is the text that follows."""
        return self.provider in RAW

    @property
    def identity(self) -> str:
        """What stored replies depend on. Not the address: a server may come back at another one."""
        if not self.extra:
            return self.model
        digest = hashlib.sha256(json.dumps(self.extra, sort_keys=True).encode()).hexdigest()
        return f"{self.model}+extra={digest[:16]}"


def is_endpoint(spec: str) -> bool:
    """Whether a spec names a provider of Inspect's, and nothing on this disk.

    `hf/` does not count: in whatchanged it means weights that we load ourselves.
    """
    provider, slash, _ = spec.partition("/")
    if not slash or provider == "hf" or provider not in PROVIDERS:
        return False
    return not (os.path.exists(spec) or os.path.exists(spec.partition("+")[0]))


def parse_endpoint(spec: str) -> Endpoint:
    """Take a spec apart. Raises SpecError for an option that cannot be read."""
    model, *options = _OPTION.split(spec)
    extra: dict[str, Any] = {}
    price = None
    for option in options:
        name, _, value = option.partition("=")
        if name == "extra":
            extra |= _extra(value)
        else:
            price = _price(value)
    return Endpoint(model, extra, price)


def _extra(value: str) -> dict[str, Any]:
    try:
        loaded = json.loads(value)
    except (ValueError, RecursionError):
        loaded = None
    if not isinstance(loaded, dict):
        raise SpecError(f'extra={value[:200]!r}: a JSON object of request fields, as {{"top_k":0}}')
    return loaded


def _price(value: str) -> Price:
    parts = value.split("/")
    try:
        price = Price(*map(float, parts))
    except (TypeError, ValueError):
        price = Price(-1, -1)
    if not all(math.isfinite(number) and number >= 0 for number in (price.input, price.output)):
        raise SpecError(f"price={value[:200]!r}: US dollars per million tokens read and written, as price=0.15/0.6")
    return price
