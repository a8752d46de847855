"""Every model that Inspect AI knows, through its public `get_model`.

Inspect's own cache is not used: it keeps pickles, which can run code when they are read. See `ReplyStore`.
"""

import asyncio
import importlib.util
import ipaddress
import os.path
import random
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from whatchanged.endpoints import convert, failures, loop
from whatchanged.endpoints.base import Ask, LanguageModel, Reply
from whatchanged.endpoints.purse import Purse, most_tokens
from whatchanged.endpoints.spec import FREE, IN_PROCESS, LOADING, Endpoint, Price, parse_endpoint
from whatchanged.endpoints.store import ReplyStore, digest
from whatchanged.errors import EndpointError, MissingExtra

# Inspect retries what it knows to pass (429, 5xx, lost connections, silence); we retry that again, more patiently,
# and what it gives up on: bodies that are not JSON, or are JSON without an answer.
INSPECT_RETRIES = 1
ATTEMPTS = 8
PROBE_ATTEMPTS = 3
FIRST_WAIT = 1.0  # seconds, doubled each time
LONGEST_WAIT = 60.0
ATTEMPT_TIMEOUT = 300  # seconds of silence in one attempt; Inspect takes whole ones
TIMEOUT = 900  # seconds for one request and Inspect's retries of it
PURSE_WAIT = 0.05  # seconds between looks into a purse whose money is set aside for calls under way


class InspectModel(LanguageModel):
    """One of Inspect's models, asked many things at once; Inspect limits the connections.

    `problem` says why the last ask without an answer had none, or is None.
    """

    def __init__(self, endpoint: Endpoint, model: Any) -> None:
        self.name = endpoint.model
        self.fingerprint = endpoint.identity
        self.problem: str | None = None
        self._endpoint, self._model = endpoint, model
        self._price = endpoint.price or _known_price(endpoint, model)
        self._store: ReplyStore | None = None
        self._purse: Purse | None = None

    @property
    def may_score(self) -> bool:
        """Whether log probabilities of a prompt's tokens can be asked for; see `score.log_probs`."""
        return self._endpoint.may_score

    @property
    def raw(self) -> bool:
        """Whether the model reads one message as it is, without a chat template."""
        return self._endpoint.raw

    @property
    def refused(self) -> bool:
        """Whether --max-cost has stopped calls."""
        return self._purse is not None and self._purse.empty

    def keep(self, store: Path | None, purse: Purse | None) -> None:
        """From now on, keep replies in the folder `store` and pay from `purse`.

        Raises EndpointError when the purse has a limit and no price is known.
        """
        if purse is not None and purse.max_cost is not None and self._price is None:
            raise EndpointError(
                f"'{self.name}' has no known price, so --max-cost cannot be kept: add +price=IN/OUT to it "
                "(US dollars per million tokens, +price=0/0 if it is free)"
            )
        self._store = None if store is None else ReplyStore(store)
        self._purse = purse
        if self._store is not None and purse is not None:
            for key, usd in self._store.prices():
                purse.known(key, usd)

    def ask(self, asks: Sequence[Ask]) -> list[Reply | None]:
        """See `LanguageModel.ask`. May be called from any thread that runs no event loop of its own."""
        keys = [digest(self.fingerprint, ask) for ask in asks]
        replies = loop.run(self._all(dict(zip(keys, asks, strict=True))))
        return [replies[key] for key in keys]

    def probe(self, ask: Ask) -> Reply | None:
        """Ask once and give up early; neither stored nor paid for."""
        return loop.run(self._attempts(ask, None, PROBE_ATTEMPTS))

    async def _all(self, asks: dict[str, Ask]) -> dict[str, Reply | None]:
        tasks = [asyncio.create_task(self._one(key, ask)) for key, ask in asks.items()]
        try:
            return dict(zip(asks, await asyncio.gather(*tasks), strict=True))
        finally:
            for task in tasks:
                task.cancel()

    async def _one(self, key: str, ask: Ask) -> Reply | None:
        store, purse = self._store, self._purse
        if store is not None and (stored := store.get(key)) is not None:
            if purse is not None:
                purse.known(key, stored.usd or 0.0)
            return stored
        bound = None if self._price is None else self._price.of(most_tokens(ask.messages), ask.max_tokens)
        reply = await (self._attempts(ask, bound) if purse is None else self._paid(purse, key, ask, bound))
        if store is not None and reply is not None:
            store.put(key, reply)
        return reply

    async def _paid(self, purse: Purse, key: str, ask: Ask, bound: float | None) -> Reply | None:
        most = bound or 0.0
        while (granted := purse.reserve(most)) is None:
            await asyncio.sleep(PURSE_WAIT)
        if not granted:
            self.problem = "--max-cost is reached"
            return None
        reply = None
        try:
            reply = await self._attempts(ask, bound)
        finally:
            purse.settle(most, key, None if reply is None else reply.usd)
        return reply

    async def _attempts(self, ask: Ask, bound: float | None, count: int | None = None) -> Reply | None:
        """The reply, or None after all attempts. Raises EndpointError for what no retry mends."""
        for done in range(count or ATTEMPTS):
            if done and self._endpoint.provider not in IN_PROCESS:
                await asyncio.sleep(min(FIRST_WAIT * 2 ** (done - 1), LONGEST_WAIT) * random.uniform(0.8, 1.2))
            try:
                return await self._attempt(ask, bound)
            except Exception as error:
                self._note(error)
                if failures.is_final(error):
                    break
        return None

    async def _attempt(self, ask: Ask, bound: float | None) -> Reply:
        from inspect_ai.model import GenerateConfig

        # Weights that Inspect runs in this process are slow at times, but never silent.
        waits = self._endpoint.provider not in LOADING
        config = GenerateConfig(
            **convert.settings(ask, self._endpoint),
            max_retries=INSPECT_RETRIES,
            timeout=TIMEOUT if waits else None,
            attempt_timeout=ATTEMPT_TIMEOUT if waits else None,
        )
        output = await self._model.generate(convert.chat(ask), config=config, cache=False)
        reply = convert.reply_of(output, ask)
        return reply.model_copy(
            update={"text": failures.hide(reply.text, self._key), "usd": self._usd(reply, output.usage is None, bound)}
        )

    def _usd(self, reply: Reply, uncounted: bool, bound: float | None) -> float | None:
        """What a reply cost: at the price given, else as Inspect computes it; at most that, where nobody counted."""
        if uncounted:
            return bound
        if self._endpoint.price is None and reply.usd is not None:
            return reply.usd
        return None if self._price is None else self._price.of(reply.tokens_in, reply.tokens_out)

    def _note(self, error: Exception) -> None:
        self.problem = failures.reason(error, self._key)
        if failures.status(error) in failures.REFUSED or isinstance(error, ImportError):
            raise EndpointError(
                f"'{self.name}' is refused: check its name, its API key and your access to it ({self.problem})"
            ) from None

    @property
    def _key(self) -> str | None:
        key = getattr(self._model.api, "api_key", None)
        return key if isinstance(key, str) else None


def connect(spec: str, store: Path | None = None, purse: Purse | None = None, **model_args: Any) -> InspectModel:
    """The model that Inspect calls by this name; nothing is sent yet.

    `spec` may end in +extra=JSON (fields for the body of every request) and +price=IN/OUT (US dollars per million
    tokens). `hf/` before a local folder loads that folder. `model_args` go to Inspect's provider.
    Raises MissingExtra without Inspect, SpecError for an option that cannot be read, EndpointError for a model that
    Inspect cannot make or, under --max-cost, has no price for.
    """
    endpoint = parse_endpoint(spec)
    if importlib.util.find_spec("inspect_ai") is None:
        raise MissingExtra("inspect_ai", "roles")
    model = InspectModel(endpoint, _made(endpoint, _folder(endpoint) | model_args))
    model.keep(store, purse)
    return model


def _made(endpoint: Endpoint, model_args: dict[str, Any]) -> Any:
    from inspect_ai.model import get_model
    from rich.errors import MarkupError
    from rich.text import Text

    try:
        if "/" not in endpoint.model:
            raise ValueError("no provider in the name")
        # Clients are made afresh, because their address and key may have changed in the environment.
        return get_model(endpoint.model, memoize=endpoint.provider in LOADING, **model_args)
    except Exception as error:
        told = failures.reason(error, model_args.get("api_key"))
    with suppress(MarkupError):
        told = Text.from_markup(told).plain
    raise EndpointError(
        f"'{endpoint.model}' cannot be used: write PROVIDER/NAME as Inspect does, with its package installed and its "
        f"key in the environment ({told})"
    )


def _folder(endpoint: Endpoint) -> dict[str, str]:
    """Inspect takes the name of a hub model only; a folder is an argument of its provider's."""
    provider, _, name = endpoint.model.partition("/")
    if provider == "hf" and os.path.isdir(name):
        return {"model_path": name}
    if provider == "hf" and name.startswith(("/", "./", "../")):
        raise EndpointError(f"'{endpoint.model}': no folder at '{name}'")
    return {}


def _known_price(endpoint: Endpoint, model: Any) -> Price | None:
    from inspect_ai.model import get_model_info

    if endpoint.provider in FREE or _is_loopback(getattr(model.api, "base_url", None)):
        return Price(0.0, 0.0)
    info = get_model_info(model)
    if info is None or info.cost is None:
        return None
    return Price(max(info.cost.input, info.cost.input_cache_write), info.cost.output)


def _is_loopback(url: object) -> bool:
    host = urlsplit(url).hostname if isinstance(url, str) else None
    try:
        return host == "localhost" or (host is not None and ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False
