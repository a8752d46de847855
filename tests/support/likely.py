"""A word model of four tokens with exact probabilities, and a server of it that scores prompts as vLLM does.

Two tokens in a row may have the text of a third: " well" and " then" are read as " well then". The models 'p' and 'q'
differ in their laws; 'p' is also the law of every other name.
"""

import json
import re
from collections.abc import Sequence
from functools import cache
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from math import log

import numpy as np
from servers import KEY, ToyServer, send

from whatchanged.records import Prompt
from whatchanged.subjects import Access, Said, Scored, Subject, Top, stream, stream_key

AHOY, WELL, THEN, BOTH, END = " ahoy", " well", " then", " well then", "<|end|>"
TOKENS = (AHOY, WELL, THEN, BOTH, END)
LAWS = {
    "p": {None: (0.05, 0.5, 0.2, 0.2, 0.05), "then": (0.2, 0.2, 0.2, 0.1, 0.3)},
    "q": {None: (0.45, 0.2, 0.1, 0.2, 0.05), "then": (0.2, 0.3, 0.1, 0.1, 0.3)},
}
_PIECES = re.compile("|".join(map(re.escape, (BOTH, WELL, THEN, AHOY, END))) + "|.", re.DOTALL)


def law(model: str, last: str | None) -> dict[str, float]:
    """Probabilities of the next token after the last one (None: at the opening)."""
    return dict(zip(TOKENS, LAWS.get(model, LAWS["p"])[None if last is None else "then"], strict=True))


def read(text: str) -> list[str]:
    """The tokens that a text is read as."""
    return _PIECES.findall(text)


def draw(model: str, most: int, rng: np.random.Generator) -> tuple[list[str], bool]:
    """Tokens drawn, the end last if it was drawn; and whether it was."""
    said: list[str] = []
    while len(said) < most and END not in said:
        chances = list(law(model, said[-1] if said else None).values())
        said.append(TOKENS[int(np.searchsorted(np.cumsum(chances), rng.random() * sum(chances), side="right"))])
    return said, END in said


def words(said: Sequence[str]) -> str:
    return "".join(token for token in said if token != END)


def log_prob(model: str, said: Sequence[str]) -> float:
    """Exact log probability of a token sequence."""
    return sum(log(law(model, last)[token]) for last, token in zip([None, *said], said, strict=False))


@cache
def answers(model: str, most: int) -> dict[tuple[str, ...], float]:
    """Probability of every answer of at most that many tokens, as tokens."""
    open_, done = {(): 1.0}, {}
    for _ in range(most):
        grown = {
            (*said, token): mass * p
            for said, mass in open_.items()
            for token, p in law(model, said[-1] if said else None).items()
        }
        done |= {said: mass for said, mass in grown.items() if said[-1] == END}
        open_ = {said: mass for said, mass in grown.items() if said[-1] != END}
    return done | open_


class LikelySubject(Subject):
    """The model without a server: behind an interface as far as the audit can tell."""

    vocabulary, end_ids, access, scores_text = "", frozenset(), Access.logprobs, True

    def __init__(self, model: str, deaf: str | None = None) -> None:
        self.name = self.fingerprint = self.weights_id = model
        self.deaf, self.scored = deaf, 0

    # It has no tokens of ours.
    encode = user_opening = tokenize = detokenize = Subject.score

    def first_tokens(self, prompts: Sequence[Prompt], k: int, temperature: float, draw_: int = 0) -> list[Top | None]:
        return [Top({token: log(p) for token, p in law(self.name, None).items()}, 0.0, 0.25) for _ in prompts]

    def respond(
        self, prompts: Sequence[Prompt], draw_: int, max_tokens: int, temperature: float, key: str
    ) -> list[Said | None]:
        found = []
        for prompt in prompts:
            said, finished = draw(self.name, max_tokens, stream(stream_key(key, prompt.id, draw_)))
            found.append(Said(words(said), len(said), 0.5, finished, tuple(said)))
        return found

    def log_likelihoods(self, prompts: Sequence[Prompt], said: Sequence[Said]) -> list[Scored | None]:
        self.scored += len(said)
        return [self._scored(s) for s in said]

    def _scored(self, said: Said) -> Scored | None:
        if self.deaf is not None and self.deaf in said.text:
            return None
        same = read(said.text) == [piece for piece in said.pieces if piece != END]
        return Scored(log_prob(self.name, said.pieces) if same else None, len(said.pieces), 0.25)


class LikelyServer(ToyServer):
    """Speaks chat and raw completions. `obeys`: goes on from an answer rather than closing it; `scores`: as vLLM."""

    def __init__(self, scores: bool = True, obeys: bool = True, refuses: bool = False) -> None:
        self.scores, self.obeys, self.refuses = scores, obeys, refuses
        super().__init__()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        assert handler.headers["Authorization"] == f"Bearer {KEY}"
        with self._lock:
            self.seen.append(body)
        if self.refuses and "prompt_logprobs" in body:
            return send(handler, 400, {"error": {"message": "unrecognized argument: prompt_logprobs"}})
        raw = not handler.path.endswith("/chat/completions")
        prompt = ["<s>", *read(body["prompt"])] if raw else self._templated(body)
        send(handler, 200, self._answer(body, prompt, raw))

    def _templated(self, body: dict) -> list[str]:
        *turns, last = body["messages"]
        said = [piece for m in turns for piece in (f"<{m['role']}>", *read(m["content"]))]
        if last["role"] == "assistant":
            closed = [] if self.obeys and body.get("continue_final_message") else [END, "<assistant>"]
            return ["<s>", *said, "<assistant>", *read(last["content"]), *closed]
        return ["<s>", *said, "<user>", *read(last["content"]), "<assistant>"]

    def _answer(self, body: dict, prompt: list[str], raw: bool) -> dict:
        model = body["model"]
        following = law(model, prompt[-1] if prompt[-1] in TOKENS else None)
        rng = np.random.default_rng([body.get("seed") or 0, len(prompt)])
        said, finished = draw(model, body["max_tokens"], rng)
        choice: dict = {"index": 0, "finish_reason": "stop" if finished else "length"}
        listed = self._listed(model, said, following)
        if raw:
            choice |= {"text": words(said), "logprobs": None}
        else:
            choice["message"] = {"role": "assistant", "content": words(said)}
        if body.get("logprobs"):
            values = [row[t] for t, row in zip(said, listed, strict=True)]
            tops = [[{"token": t, "logprob": v, "bytes": None} for t, v in row.items()] for row in listed]
            chat = [
                {"token": t, "logprob": v, "bytes": None, "top_logprobs": top[: body.get("top_logprobs")]}
                for t, v, top in zip(said, values, tops, strict=True)
            ]
            choice["logprobs"] = (
                {"tokens": said, "token_logprobs": values, "top_logprobs": listed, "text_offset": [0] * len(said)}
                if raw
                else {"content": chat}
            )
        usage = {"prompt_tokens": len(prompt), "completion_tokens": len(said), "total_tokens": len(prompt) + len(said)}
        kind = "text_completion" if raw else "chat.completion"
        reply = {"id": "x", "object": kind, "created": 0, "model": model, "choices": [choice], "usage": usage}
        if self.scores and body.get("prompt_logprobs"):
            (choice if raw else reply)["prompt_logprobs"] = self._scored(model, prompt)
        return reply

    def _listed(self, model: str, said: list[str], following: dict[str, float]) -> list[dict[str, float]]:
        rows = [following, *(law(model, last) for last in said[:-1])]
        return [{t: log(p) for t, p in sorted(row.items(), key=lambda item: -item[1])} for row in rows[: len(said)]]

    def _scored(self, model: str, prompt: list[str]) -> list[dict | None]:
        rows: list[dict | None] = [None]
        for last, token in pairwise(prompt):
            known = token in TOKENS
            value = log(law(model, last if last in TOKENS else None)[token]) if known else -1.0
            rows.append({"7": {"decoded_token": token, "logprob": value, "rank": 1}})
        return rows


def distance(p: dict, q: dict) -> float:
    """Total variation of two laws."""
    return sum(abs(p.get(key, 0.0) - q.get(key, 0.0)) for key in {*p, *q}) / 2


def divergence(p: dict, q: dict) -> float:
    """KL(q||p) + KL(p||q) in nats."""
    return sum((q[key] - p[key]) * (log(q[key]) - log(p[key])) for key in p)
