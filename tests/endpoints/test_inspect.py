"""Models through Inspect: over a scripted model, and over toy servers with every fault that we know."""

import threading
import time

import pytest
from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput, ModelUsage
from servers import FAULTS, KEY, answer, toy_server

from whatchanged.endpoints import Ask, Purse, connect
from whatchanged.endpoints import inspect as seam
from whatchanged.endpoints.convert import settings
from whatchanged.endpoints.spec import parse_endpoint
from whatchanged.errors import EndpointError, SpecError
from whatchanged.records import Message

USAGE = ModelUsage(input_tokens=10, output_tokens=5, total_tokens=15)
PRICE = "+price=1/2"


def ask(text="Hi", **rest):
    return Ask(messages=(Message(role="user", content=text),), **({"max_tokens": 8, "seed": 7} | rest))


ASKS = [ask(f"question {i}") for i in range(6)]


@pytest.fixture
def toy(monkeypatch):
    """Toy servers, each the one that TOY_BASE_URL names from then on."""
    opened = []

    def start(**how):
        block = toy_server(**how)
        opened.append(block)
        server = block.__enter__()
        monkeypatch.setenv("TOY_BASE_URL", server.url)
        return server

    yield start
    for block in opened:
        block.__exit__(None, None, None)


def refusal(act):
    with pytest.raises(EndpointError) as caught:
        act()
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)
    return str(caught.value)


def scripted(reply, name="mockllm/model", **how):
    """A model whose output is `reply(messages, config)`."""
    return connect(name, custom_outputs=lambda input, tools, choice, config: reply(input, config), **how)


def says(text, stop="stop", usage=USAGE):
    message = ChatMessageAssistant(content=text)
    return ModelOutput(
        model="m",
        choices=[ChatCompletionChoice(message=message, stop_reason=stop)],
        usage=usage and usage.model_copy(),
    )


# what goes in and out


def test_replies_come_in_order_with_their_usage():
    model = scripted(lambda input, config: says(input[-1].text.upper()))
    replies = model.ask(ASKS)
    assert [r.text for r in replies] == [f"QUESTION {i}" for i in range(6)]
    assert {(r.tokens_in, r.tokens_out, r.usd, r.finished) for r in replies} == {(10, 5, 0.0, True)}
    assert model.ask([]) == []


def test_an_answer_that_was_cut_is_not_finished():
    (reply,) = scripted(lambda input, config: says("and so", "max_tokens")).ask([ask()])
    assert not reply.finished


def test_roles_and_settings_are_passed_on():
    seen = []
    model = scripted(lambda input, config: seen.append((input, config)) or says("x"), 'mockllm/m+extra={"top_k":0}')
    roles = ("system", "user", "assistant", "user")
    messages = tuple(Message(role=r, content=f"{r} {i}") for i, r in enumerate(roles))
    model.ask([Ask(messages=messages, max_tokens=3, temperature=0.5, seed=11, top_logprobs=4)])
    ((given, config),) = seen
    assert [(m.role, m.text) for m in given] == [(m.role, m.content) for m in messages]
    assert (config.max_tokens, config.temperature, config.seed, config.top_p) == (3, 0.5, 11, 1.0)
    assert (config.logprobs, config.top_logprobs, config.extra_body) == (True, 4, {"top_k": 0})


def test_settings_that_a_provider_would_refuse_are_left_out():
    assert "top_p" not in settings(ask(), parse_endpoint("anthropic/claude"))
    assert settings(ask(temperature=0), parse_endpoint("hf/a/b"))["temperature"] == 1.0
    assert settings(ask(temperature=0), parse_endpoint("hf/a/b"))["top_k"] == 1
    assert settings(ask(), parse_endpoint("hf/a/b"))["top_k"] == 0
    assert "top_k" not in settings(ask(), parse_endpoint("openai/x"))
    assert "logprobs" not in settings(ask(), parse_endpoint("openai/x"))


def test_equal_asks_are_one_call():
    calls = []
    model = scripted(lambda input, config: calls.append(input) or says("x"))
    assert len(model.ask([ask(), ask(), ask(draw=1)])) == 3
    assert len(calls) == 2


def test_an_outputs_error_in_place_of_words_is_no_answer():
    model = scripted(lambda input, config: says("prompt is too long", "model_length", None))
    model._model.api._ensure_default_usage = nothing
    assert model.ask([ask()]) == [None]
    assert "too long" in model.problem


async def nothing(*_):
    """Mockllm makes up a usage, for which it needs a tokenizer."""


def test_logprobs_become_positions(toy):
    toy()
    (reply,) = connect("openai-api/toy/m").ask([ask(top_logprobs=3)])
    (position,) = reply.positions
    assert position.top == pytest.approx({"Ahoy": -1, "Hello": -2, "Sure": -3})
    assert list(position.top) == ["Ahoy", "Hello", "Sure"]
    assert connect("openai-api/toy/m").ask([ask()])[0].positions == ()


def test_extra_fields_are_in_the_body(toy):
    server = toy()
    connect('openai-api/toy/m+extra={"top_k":0,"min_p":0}').ask([ask()])
    (body,) = server.seen
    assert (body["top_k"], body["min_p"], body["top_p"], body["seed"], body["max_tokens"]) == (0, 0, 1.0, 7, 8)


def test_requests_run_together(toy):
    server = toy(delay=0.2)
    started = time.monotonic()
    assert None not in connect("openai-api/toy/m").ask(ASKS)
    assert server.most_at_once > 1
    assert time.monotonic() - started < 6 * 0.2


def test_any_thread_may_ask_any_number_of_times(toy):
    toy(delay=0.02)
    model = connect("openai-api/toy/m")
    found = {}

    def run(name):
        found[name] = [r.text for _ in range(3) for r in model.ask(ASKS)]

    threads = [threading.Thread(target=run, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run("main")
    assert len(found) == 4
    assert found[0] == found[1] == found[2] == found["main"]


# faults


def test_every_fault_in_turn_changes_nothing(toy, tmp_path):
    def audit(folder, **how):
        server, purse = toy(**how), Purse(1.0)
        replies = connect(f"openai-api/toy/m{PRICE}", tmp_path / folder, purse, max_retries=0).ask(ASKS)
        return server, purse, replies

    healthy, cost, expected = audit("healthy")
    faulty, same_cost, found = audit("faulty", faults=(*FAULTS, "no choices"))
    assert None not in expected
    assert found == expected
    assert set(faulty.answered.values()) == set(healthy.answered.values()) == {1}
    assert len(faulty.seen) == 7 * len(ASKS)
    assert same_cost.spent == pytest.approx(cost.spent) == pytest.approx(sum(r.usd for r in expected))
    assert files(tmp_path / "faulty") == files(tmp_path / "healthy")


def files(folder):
    return {f.name: f.read_bytes() for f in folder.rglob("*.json")}


def test_a_server_that_comes_back_is_waited_for(toy, monkeypatch):
    server = toy()
    model = connect("openai-api/toy/m", max_retries=0)
    expected = model.ask(ASKS)
    server.stop()
    monkeypatch.setattr(seam, "LONGEST_WAIT", 0.2)
    monkeypatch.setattr(seam, "FIRST_WAIT", 0.2)
    threading.Timer(0.5, server.start).start()
    assert model.ask(ASKS) == expected


def test_after_all_attempts_there_is_no_answer_and_the_others_are_there(toy, monkeypatch, tmp_path):
    monkeypatch.setattr(seam, "ATTEMPTS", 2)
    good = ask("good")
    calls = []

    def reply(input, config):
        calls.append(input[-1].text)
        if input[-1].text == "bad":
            raise TimeoutError("nobody there")
        return says("fine")

    model = scripted(reply, store=tmp_path)
    assert [r and r.text for r in model.ask([ask("bad"), good])] == [None, "fine"]
    assert calls.count("bad") == 2
    assert model.problem == "TimeoutError: nobody there"
    assert len(files(tmp_path)) == 1
    model.ask([ask("bad"), good])
    assert calls.count("bad") == 4
    assert calls.count("fine") == 0
    assert calls.count("good") == 1


def test_what_fails_in_this_process_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(seam, "FIRST_WAIT", 60)
    model = connect("mockllm/model", custom_outputs=[says("only one")])
    started = time.monotonic()
    assert [r and r.text for r in model.ask([ask(), ask(draw=1)])] == ["only one", None]
    assert "ran out" in model.problem
    assert time.monotonic() - started < 5


def test_a_request_that_the_server_cannot_take_is_not_repeated(toy):
    server = toy()
    assert connect("openai-api/toy/picky").ask([ask(top_logprobs=1)]) == [None]
    assert server.seen == []  # refused before it is counted
    assert connect("openai-api/toy/picky").ask([ask()])[0].text


# what no retry mends


def test_a_wrong_key_is_told_at_once(toy, monkeypatch):
    server = toy()
    monkeypatch.setenv("TOY_API_KEY", wrong := "sk-wrong-9876543210fedcba")
    message = refusal(lambda: connect("openai-api/toy/m").ask(ASKS))
    assert "'openai-api/toy/m'" in message
    assert wrong not in message
    assert "[key]" in message  # the server repeats it
    assert not server.answered


def test_an_unknown_model_is_told_at_once(toy):
    toy()
    assert "no such model" in refusal(lambda: connect("openai-api/toy/unknown").ask(ASKS))


@pytest.mark.parametrize("spec", ["", "smollm2", "nobody/model", "openai-api/model", "hf//no/such/folder", "a\0b/c"])
def test_names_that_inspect_cannot_make(spec):
    assert f"'{spec}'" in refusal(lambda: connect(spec))


def test_a_missing_key_is_named(monkeypatch):
    monkeypatch.delenv("NOBODY_API_KEY", raising=False)
    assert "NOBODY_API_KEY" in refusal(lambda: connect("openai-api/nobody/m"))


def test_a_local_folder_is_handed_to_the_provider_as_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    for name in (str(tmp_path / "here"), "./here", "here"):
        assert seam._folder(parse_endpoint(f"hf/{name}")) == {"model_path": name}
    assert seam._folder(parse_endpoint("hf/org/name")) == {}


# money


def test_stored_replies_cost_nothing_again_and_keep_their_usage(toy, tmp_path):
    server = toy()
    first = Purse(1.0)
    replies = connect(f"openai-api/toy/m{PRICE}", tmp_path, first).ask(ASKS[:3])
    resumed = Purse(1.0)
    model = connect(f"openai-api/toy/m{PRICE}", tmp_path, resumed)
    assert resumed.spent == pytest.approx(first.spent)  # known before anything is asked
    assert model.ask(ASKS)[:3] == replies
    assert set(server.answered.values()) == {1}
    assert len(server.answered) == 6
    assert resumed.spent == pytest.approx(sum(r.usd for r in model.ask(ASKS)))
    server.stop()
    assert model.ask(ASKS)[:3] == replies


def test_the_price_is_of_the_tokens_used(toy):
    toy()
    asked = ask("x" * 400)
    (reply,) = connect(f"openai-api/toy/m{PRICE}").ask([asked])
    usage = answer({"messages": [{"role": "user", "content": "x" * 400}], "seed": 7, "max_tokens": 8})["usage"]
    assert reply.tokens_in == usage["prompt_tokens"] == 100
    assert reply.usd == pytest.approx((100 * 1 + usage["completion_tokens"] * 2) / 1e6)


def test_spending_stops_before_the_limit():
    calls = []
    limit = 300e-6
    purse = Purse(limit)
    model = scripted(lambda input, config: calls.append(1) or says("x"), f"mockllm/m{PRICE}", purse=purse)
    replies = model.ask([ask(draw=i) for i in range(40)])
    assert purse.empty
    assert model.problem == "--max-cost is reached"
    assert len(calls) == sum(r is not None for r in replies) > 3
    assert purse.spent == pytest.approx(len(calls) * 20e-6)
    assert purse.spent <= limit
    # What was left could not have paid for the longest answer.
    assert purse.spent + model._price.of(seam.most_tokens(ask().messages), 8) > limit


def test_a_limit_needs_a_price(monkeypatch):
    monkeypatch.setenv("TOY_BASE_URL", "https://example.com/v1")
    message = refusal(lambda: connect("openai-api/toy/m", purse=Purse(1.0)))
    assert "+price=IN/OUT" in message
    connect("openai-api/toy/m", purse=Purse(None))
    connect(f"openai-api/toy/m{PRICE}", purse=Purse(1.0))
    monkeypatch.setenv("TOY_BASE_URL", "http://localhost:1/v1")
    connect("openai-api/toy/m", purse=Purse(1.0))
    with pytest.raises(SpecError):
        connect("openai-api/toy/m+price=free")


def test_a_reply_that_nobody_counted_costs_the_most_it_can(monkeypatch, tmp_path):
    model = scripted(lambda input, config: says("x", usage=None), f"mockllm/m{PRICE}", purse=Purse(1.0))
    model._model.api._ensure_default_usage = nothing
    (reply,) = model.ask([ask()])
    assert reply.usd == pytest.approx((seam.most_tokens(ask().messages) + 8 * 2) / 1e6)


# secrets


def test_the_key_is_nowhere(toy, tmp_path, caplog, capfd, monkeypatch):
    caplog.set_level("DEBUG")
    toy(faults=FAULTS)
    connect("openai-api/toy/m", tmp_path, Purse(None), max_retries=0).ask(ASKS[:2])
    refusal(lambda: connect("openai-api/toy/unknown", tmp_path).ask(ASKS[:1]))
    scripted(lambda input, config: says(f"your key is {KEY}"), store=tmp_path).ask([ask("leak")])
    kept = b"".join(files(tmp_path).values())
    assert b"your key is [key]" in kept
    assert KEY.encode() not in kept
    assert caplog.records
    assert KEY not in caplog.text
    assert KEY not in "".join(capfd.readouterr())
