"""Servers on loopback that speak /v1/chat/completions: a toy, healthy or faulty, and llama.cpp's own."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from whatchanged.endpoints import inspect as seam
from whatchanged.subjects.sources import carried_gguf

FAULTS = ("429", "500", "garbage", "half", "silence")
KEY = "sk-secret-0123456789abcdef"
WORDS = ("Ahoy", "Hello", "Sure", "The", "Well")


def answer(body: dict, log_probs: bool = True) -> dict:
    """What a healthy server says: a pure function of the request, apart from the name that it is asked for."""
    seen = sha256(json.dumps([body["messages"], body.get("seed")]).encode()).digest()
    text = " ".join(WORDS[b % len(WORDS)] for b in seen[: min(body["max_tokens"], 8)])
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    if body.get("logprobs") and log_probs:
        top = [{"token": word, "logprob": -1.0 - i, "bytes": None} for i, word in enumerate(WORDS)]
        listed = {"token": text.split()[0], "logprob": -1.0, "bytes": None, "top_logprobs": top[: body["top_logprobs"]]}
        choice["logprobs"] = {"content": [listed]}
    size = sum(len(m["content"]) for m in body["messages"]) // 4
    usage = {"prompt_tokens": size, "completion_tokens": len(text.split()), "total_tokens": size + len(text.split())}
    return {"id": "x", "object": "chat.completion", "created": 0, "model": "toy", "choices": [choice], "usage": usage}


class ToyServer:
    """Gives every request its faults in turn before the answer, refuses wrong keys, and can die and come back.

    `answered` counts healthy answers by what was asked; `seen` holds the bodies of all requests.
    """

    def __init__(self, faults: tuple[str, ...] = (), delay: float = 0.0, log_probs: bool = True) -> None:
        self.faults, self.delay, self.log_probs = faults, delay, log_probs
        self.seen: list[dict] = []
        self.answered: Counter[str] = Counter()
        self.most_at_once = 0
        self._tries: Counter[str] = Counter()
        self._at_once = 0
        self._lock = threading.Lock()
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> None:
        """Listen, at the address of before if there was one."""
        toy = self
        self.gone = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                with suppress(OSError):
                    toy.serve(self)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Die: open requests are dropped, and new ones refused."""
        self.gone.set()
        self._http.shutdown()
        self._http.server_close()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        if handler.headers["Authorization"] != f"Bearer {KEY}":
            return send(handler, 401, {"error": {"message": f"bad key {handler.headers['Authorization']}"}})
        if body["model"] == "unknown":
            return send(handler, 404, {"error": {"message": "no such model"}})
        if body["model"] == "picky" and "logprobs" in body:
            return send(handler, 400, {"error": {"message": "logprobs are not supported"}})
        asked = json.dumps(body, sort_keys=True)
        with self._lock:
            self.seen.append(body)
            self._tries[asked] += 1
            number = self._tries[asked]
        if number <= len(self.faults):
            return self.fail(handler, self.faults[number - 1])
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        time.sleep(self.delay)
        with self._lock:
            self._at_once -= 1
        if not self.gone.is_set():
            self.answered[asked] += 1
            send(handler, 200, answer(body, self.log_probs))

    def fail(self, handler: BaseHTTPRequestHandler, fault: str) -> None:
        if fault in ("429", "500"):
            send(handler, int(fault), {"error": {"message": "not now"}})
        elif fault == "garbage":
            send(handler, 200, "<html>upstream hiccup", raw=True)
        elif fault == "no choices":
            send(handler, 200, {"id": "x", "object": "chat.completion", "created": 0, "model": "toy"})
        elif fault == "half":
            send(handler, 200, '{"id": "x", "choices": [{"ind', raw=True, claim=5000)
        else:
            self.gone.wait(10)


def send(handler: BaseHTTPRequestHandler, code: int, body: object, raw: bool = False, claim: int | None = None) -> None:
    data = (body if raw else json.dumps(body)).encode()
    handler.send_response(code)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(claim or len(data)))
    handler.send_header("retry-after-ms", "5")
    handler.end_headers()
    handler.wfile.write(data)


@contextmanager
def toy_server(**how: object) -> Iterator[ToyServer]:
    """A toy server for as long as the block lasts."""
    server = ToyServer(**how)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """All retries, without their waits; and the key and provider 'toy' of these servers."""
    monkeypatch.setattr(seam, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(seam, "LONGEST_WAIT", 0.05)
    monkeypatch.setattr(seam, "INSPECT_RETRIES", 0)
    monkeypatch.setattr(seam, "ATTEMPT_TIMEOUT", 1)
    monkeypatch.setenv("TOY_API_KEY", KEY)


@cache
def _start_llama() -> tuple[object, str]:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(carried_gguf())
    params.n_ctx, params.n_parallel, params.kv_unified = 4 * 2048, 4, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    params.ui, params.warmup, params.verbosity = False, False, 0
    server = xllamacpp.Server(params)
    return server, f"{server.listening_address}/v1"


@pytest.fixture(scope="session")
def llama_server() -> Iterator[str]:
    """The address of llama.cpp's own server with SmolLM2, four requests at once; the provider 'llama' of the specs."""
    pytest.importorskip("xllamacpp")
    _, url = _start_llama()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLAMA_BASE_URL", url)
        patch.setenv("LLAMA_API_KEY", "none")
        yield url
