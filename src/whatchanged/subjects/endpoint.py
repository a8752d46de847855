"""A model under audit of which no more is known than its answers.

An audit rests on draws from the whole distribution, and servers cut it unless told otherwise. Temperature, top_p = 1
and the seed are sent with every request. llama.cpp's server has top_k = 40 and min_p = 0.05 by default, so that
`+extra={"top_k":0,"min_p":0}` belongs to its specs; its repetition penalty is off by default (repeat_penalty = 1), as
are its other samplers. The logprobs that it reports are those of the whole distribution in any case. Other servers
have other defaults.

Some servers also score an answer that is given: see `endpoints.score`. What they score is the whole distribution, so
there it matters twice that answers are drawn from it.
"""

import hashlib
import importlib.util
import math
import os.path
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from whatchanged.endpoints import (
    Ask,
    InspectModel,
    Purse,
    Reply,
    connect,
    is_endpoint,
    log_probs,
    parse_endpoint,
    reads,
    scoring_ask,
)
from whatchanged.errors import EndpointError, MissingExtra, SpecError
from whatchanged.records import Message, Prompt
from whatchanged.subjects.base import Access, Ids, Said, Scored, Subject, Top, stream_key

ONLY_ENDPOINTS = ("access", "extra", "price")
MOST_LOGPROBS = 20  # what OpenAI allows; other servers follow
# Words that every tokeniser keeps apart, with a template between them or without.
_PROBE, _PROBE_ANSWER = (Message(role="user", content="Hi,"),), " hello"

Pairs = Sequence[tuple[str, str]]


class EndpointSource:
    """A model behind an interface: `openai/...`, `openai-api/PROVIDER/NAME`, and every other provider of Inspect's."""

    def matches(self, target: str) -> bool:
        """A provider that Inspect knows, unless a path of that name exists. `hf/` is for weights that we load."""
        return is_endpoint(target)

    def resolve(self, target: str, given_base: str | None) -> "Remote":
        """Connects to nothing. Raises SpecError where a base is given, MissingExtra without Inspect."""
        if given_base:
            raise SpecError(f"+base={given_base}: '{target}' is behind an interface and no adapter; leave it out")
        if importlib.util.find_spec("inspect_ai") is None:
            raise MissingExtra("inspect_ai", "roles")
        return Remote(target)


@dataclass(frozen=True)
class Remote:
    """A model's name, not yet asked for anything."""

    target: str

    def check(self, pairs: Pairs) -> None:
        """Raises SpecError for a modifier that needs the weights, or one that cannot be read."""
        for name, value in pairs:
            if name not in ("system", *ONLY_ENDPOINTS):
                raise SpecError(f"+{name}={value} changes weights, and '{self.target}' shows none: leave it out")
            if name == "access" and value not in ("text", "logprobs"):
                raise SpecError(f"access={value}: 'text' where the server gives no log probabilities, else 'logprobs'")
            if name == "system":
                _system_text(value)
        parse_endpoint(self._spec(pairs))

    def open(self, spec: str, pairs: Pairs) -> "EndpointSubject":
        """Ask the model for one token, so that a dead server, a wrong key or an unknown name is found at once.

        Raises EndpointError where no token comes.
        """
        self.check(pairs)
        options = dict(pairs)
        model = connect(self._spec(pairs))
        asked = options.get("access", "logprobs")
        reply, scores = self._probed(model, asked != "text")
        if reply is None:
            remedy = "check that the server runs, and its address"
            if asked != "text":
                remedy += "; if it only gives text, add +access=text"
            raise EndpointError(f"'{self.target}' does not answer: {remedy} ({model.problem})")
        system = _system_text(options["system"]) if "system" in options else None
        seen = Access.logprobs if reply.positions and reply.positions[0].top else Access.text
        return EndpointSubject(spec, model, system, seen, scores and seen is Access.logprobs)

    def _probed(self, model: InspectModel, log_probs: bool) -> tuple[Reply | None, bool]:
        """One token, and whether the server scores a given answer. Most ignore the question; some refuse it."""
        ask = Ask(messages=_PROBE, max_tokens=1, top_logprobs=1 if log_probs else 0)
        if not (log_probs and model.may_score):
            return model.probe(ask), False
        before = model.probe(ask.model_copy(update={"prompt_logprobs": True}))
        if before is None:
            return model.probe(ask), False
        if not before.prompt:
            return before, False
        after = model.probe(scoring_ask(_PROBE, _PROBE_ANSWER, model.raw))
        return before, after is not None and reads(before, after, _PROBE_ANSWER)

    def _spec(self, pairs: Pairs) -> str:
        return self.target + "".join(f"+{name}={value}" for name, value in pairs if name in ("extra", "price"))


class EndpointSubject(Subject):
    """Answers and, at access 'logprobs', the likeliest first tokens. It has no tokens of ours."""

    vocabulary = ""
    end_ids: frozenset[int] = frozenset()

    def __init__(
        self, name: str, model: InspectModel, system: str | None, access: Access, scores_text: bool = False
    ) -> None:
        self.name, self.access, self.scores_text = name, access, scores_text
        self._model, self._system = model, system
        tail = "" if system is None else f"+system={hashlib.sha256(system.encode()).hexdigest()[:16]}"
        # A name does not pin the weights behind it: fingerprints of two runs may agree and the models differ.
        self.fingerprint = self.weights_id = f"{model.fingerprint}{tail}"

    def keep(self, folder: Path, purse: Purse) -> None:
        """Keep replies in a folder of the run directory, and pay for them from its purse.

        Raises EndpointError when the purse has a limit and no price is known.
        """
        self._model.keep(folder, purse)

    def respond(
        self, prompts: Sequence[Prompt], draw: int, max_tokens: int, temperature: float, key: str
    ) -> list[Said | None]:
        """One answer a prompt; None where none came. Not every server keeps to the seed that it is sent."""
        asks = [
            Ask(
                messages=self._messages(prompt),
                max_tokens=max_tokens,
                temperature=temperature,
                draw=draw,
                seed=stream_key(key, prompt.id, draw) & 0x7FFF_FFFF,
                # Lists the drawn tokens, too.
                top_logprobs=1 if self.scores_text else 0,
            )
            for prompt in prompts
        ]
        return [None if reply is None else _said(reply) for reply in self._answers(asks)]

    def first_tokens(self, prompts: Sequence[Prompt], k: int, temperature: float, draw: int = 0) -> list[Top | None]:
        """The k <= 20 likeliest first tokens of each answer, likeliest first; None where none came.

        Raises AccessError at any temperature but 1: a list that is cut cannot be tempered again.
        """
        if self.access < Access.logprobs:
            self._lacks("first-token probabilities", Access.logprobs)
        if temperature != 1:
            self._lacks(f"first-token probabilities at temperature {temperature:g}", Access.logits)
        count = min(k, MOST_LOGPROBS)
        asks = [Ask(messages=self._messages(p), max_tokens=1, top_logprobs=count, draw=draw) for p in prompts]
        return [
            _top(reply.positions[0].top, reply.usd) if reply is not None and reply.positions else None
            for reply in self._answers(asks)
        ]

    def log_likelihoods(self, prompts: Sequence[Prompt], said: Sequence[Said]) -> list[Scored | None]:
        """See `Subject.log_likelihoods`. The answers may be another model's."""
        if not self.scores_text:
            self._lacks("scoring of given answers", Access.logits)
        asks = [scoring_ask(self._messages(p), s.text, self._model.raw) for p, s in zip(prompts, said, strict=True)]
        return [
            None if reply is None else _scored(reply, s) for reply, s in zip(self._model.ask(asks), said, strict=True)
        ]

    def _answers(self, asks: Sequence[Ask]) -> list[Reply | None]:
        """Replies in order. Raises EndpointError where not one of them came, unless the purse refused the calls.

        What was not answered is not recorded, so that the same command asks again.
        """
        replies = self._model.ask(asks)
        if replies and not any(replies) and not self._model.refused:
            raise EndpointError(
                f"'{self.name}' answered none of {len(asks)} prompts: see that it runs, then repeat the command, which "
                f"resumes ({self._model.problem})"
            )
        return replies

    def encode(self, prompt: Prompt) -> Ids:
        """Raises AccessError."""
        self._lacks_tokens()

    def user_opening(self) -> Ids:
        """Raises AccessError."""
        self._lacks_tokens()

    def tokenize(self, text: str) -> Ids:
        """Raises AccessError."""
        self._lacks_tokens()

    def detokenize(self, ids: Sequence[int]) -> str:
        """Raises AccessError."""
        self._lacks_tokens()

    def _lacks_tokens(self) -> NoReturn:
        self._lacks("tokens", Access.logits)

    def _messages(self, prompt: Prompt) -> tuple[Message, ...]:
        if self._system is None:
            return prompt.messages
        said = (m for m in prompt.messages if m.role != "system")
        return (Message(role="system", content=self._system), *said)


def _said(reply: Reply) -> Said:
    pieces = tuple(position.token for position in reply.positions)
    return Said(reply.text, reply.tokens_out, reply.usd, reply.finished, pieces)


def _scored(reply: Reply, said: Said) -> Scored:
    found = log_probs(reply, said.text, said.pieces, said.finished)
    return Scored(None if found is None else math.fsum(found), reply.tokens_in, reply.usd)


def _top(log_probs: dict[str, float], usd: float | None) -> Top:
    return Top(log_probs, max(0.0, 1.0 - math.fsum(map(math.exp, log_probs.values()))), usd)


def _system_text(value: str) -> str:
    try:
        return Path(value).read_text(encoding="utf-8") if os.path.isfile(value) else value
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"system={value}: {error}") from None
