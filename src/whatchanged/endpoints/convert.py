"""Our asks in Inspect's terms, and Inspect's outputs in ours."""

import math
from typing import Any

from whatchanged.endpoints.base import Ask, Position, Reply
from whatchanged.endpoints.spec import Endpoint

# How vLLM is told that the last message is not finished: no end of turn after it, and no new turn.
CONTINUED = {"add_generation_prompt": False, "continue_final_message": True}


class NoAnswer(Exception):
    """The server sent something, but no answer of the model's."""


def chat(ask: Ask) -> list[Any]:
    """Inspect's chat messages."""
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

    kinds: dict[str, Any] = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
    return [kinds[m.role](content=m.content) for m in ask.messages]


def settings(ask: Ask, endpoint: Endpoint) -> dict[str, Any]:
    """Fields of Inspect's GenerateConfig: sampling from the whole distribution, as far as the provider lets us.

    llama.cpp and vLLM servers cut the distribution unless told otherwise; see `EndpointSubject`.
    """
    fields: dict[str, Any] = {"max_tokens": ask.max_tokens, "temperature": ask.temperature, "seed": ask.seed}
    if endpoint.provider != "anthropic":  # which refuses top_p beside a temperature, and has 1 by default
        fields["top_p"] = 1.0
    if endpoint.provider == "hf":
        # Checkpoints ship a top_k of their own, and Transformers refuses temperature 0.
        fields |= {"top_k": 0} if ask.temperature else {"top_k": 1, "temperature": 1.0}
    if ask.top_logprobs:
        fields |= {"logprobs": True, "top_logprobs": ask.top_logprobs}
    body = dict(endpoint.extra)
    if ask.prompt_logprobs:
        fields["prompt_logprobs"] = 1
        if ask.messages[-1].role == "assistant":
            body |= CONTINUED
    if body:
        fields["extra_body"] = body
    return fields


def reply_of(output: Any, ask: Ask) -> Reply:
    """A reply from a ModelOutput, its price as Inspect gives it: None where it knows none.

    Raises NoAnswer for an output without a choice, or with a server's complaint in place of the model's words.
    """
    if not output.choices:
        raise NoAnswer(output.error or "the answer holds no choices")
    choice, usage = output.choices[0], output.usage
    if usage is None and choice.stop_reason in ("model_length", "content_filter"):
        # Inspect turns some refused requests into outputs whose text is the error message.
        raise NoAnswer(f"{choice.stop_reason}: {choice.message.text}")
    counts: dict[str, Any] = {}
    if usage is not None:
        cached = (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
        counts = {"tokens_in": usage.input_tokens + cached, "tokens_out": usage.output_tokens, "usd": usage.total_cost}
    listed = choice.logprobs.content if choice.logprobs and ask.top_logprobs else []
    return Reply(
        text=choice.message.text,
        finished=choice.stop_reason not in ("max_tokens", "model_length"),
        positions=tuple(_position(entry) for entry in listed),
        prompt=_prompt(choice) if ask.prompt_logprobs else (),
        **counts,
    )


def _prompt(choice: Any) -> tuple[tuple[str, float], ...]:
    listed = choice.prompt_logprobs.content if choice.prompt_logprobs else []
    return tuple((one.token, min(one.logprob, 0.0)) for one in listed)


def _position(entry: Any) -> Position:
    mass: dict[str, float] = {}
    for one in entry.top_logprobs or []:
        # Several tokens may have the same text, as the halves of one character have.
        mass[one.token] = mass.get(one.token, 0.0) + math.exp(min(one.logprob, 0.0))
    likeliest = sorted(((p, token) for token, p in mass.items() if p > 0), key=lambda pair: -pair[0])
    return Position(token=entry.token, top={token: math.log(p) for p, token in likeliest})
