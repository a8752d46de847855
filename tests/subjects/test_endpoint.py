"""Subjects that can only be asked: over a toy server, and over llama.cpp's own with SmolLM2."""

import json
import math
import subprocess
import sys

import pytest
from servers import FAULTS, KEY, llama_server, quick_retries, toy_server

from whatchanged.endpoints import Purse, Reply
from whatchanged.errors import AccessError, EndpointError, MissingExtra, SpecError, TokenizerMismatch
from whatchanged.records import Message, Prompt
from whatchanged.subjects import Access, Context, Continue, Said, check_specs, open_subjects
from whatchanged.subjects.sources import AdapterSource

__all__ = ["llama_server", "quick_retries"]

SPEC = "openai-api/toy/m"
PROMPTS = [Prompt.user(f"question {i}") for i in range(4)]
SYSTEM = Prompt(messages=(Message(role="system", content="Be brief."), Message(role="user", content="hi")))


@pytest.fixture
def toy(quick_retries, monkeypatch):
    """A healthy toy server, the one that TOY_BASE_URL names."""
    with toy_server() as server:
        monkeypatch.setenv("TOY_BASE_URL", server.url)
        yield server


def opened(*tails):
    return open_subjects([f"{SPEC}{tail}" for tail in tails])


def refusal(kind, *specs, look=check_specs):
    with pytest.raises(kind) as caught:
        look(list(specs))
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)
    return str(caught.value)


# specs


@pytest.mark.parametrize("tail", ["+quantize=int8", "+noise=0.1", "+steer=v.npy:0:1", "+dtype=float32"])
def test_modifiers_of_weights_are_refused(tail):
    assert tail in (message := refusal(SpecError, f"{SPEC}{tail}"))
    assert "shows none" in message


@pytest.mark.parametrize("tail", ["+extra=[1]", "+price=cheap", "+access=weights", "+base=smollm2"])
def test_unreadable_options_are_refused(tail):
    assert tail[1:].split("=")[1] in refusal(SpecError, f"{SPEC}{tail}")


@pytest.mark.parametrize("tail", ["+access=text", '+extra={"a":1}', "+price=1/2"])
def test_options_of_endpoints_are_refused_for_weights(tail, folders):
    assert tail in refusal(SpecError, f"{folders['base']}{tail}")


def test_a_system_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "system").write_bytes(b"\xff\xfe")
    assert "system=" in refusal(SpecError, f"{SPEC}+system={tmp_path / 'system'}")


def test_checking_connects_to_nothing(toy):
    check_specs([SPEC, f'{SPEC}+system=Be brief.+extra={{"a":1}}+price=1/2+access=text', "openai/gpt-4o"])
    assert toy.seen == []


def test_without_inspect_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "whatchanged[roles]" in refusal(MissingExtra, SPEC)


def test_the_recorded_base_of_an_adapter_is_no_endpoint(folders, tmp_path, monkeypatch):
    """Hub ids look like providers: google/gemma, openai/gpt-oss."""
    asked = []
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, **_: asked.append(name) or folders["base"])
    assert AdapterSource().resolve(str(folders["a"]), "google/gemma").folder == folders["base"]
    assert asked == ["google/gemma"]


def test_endpoints_need_no_torch(toy):
    code = (
        "import sys; from whatchanged.subjects import open_subjects\n"
        f"print(open_subjects([{SPEC!r}])[0].access.name, {{'torch', 'transformers'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "logprobs set()\n", done.stderr


# opening


def test_opening_asks_for_one_token_once(toy):
    (subject,) = opened("")
    assert subject.access is Access.logprobs
    assert subject.vocabulary == ""
    (body,) = toy.seen
    assert (body["max_tokens"], body["top_logprobs"]) == (1, 1)


def test_a_server_without_logprobs_gives_text(toy):
    toy.log_probs = False
    assert opened("")[0].access is Access.text


def test_access_text_asks_for_no_logprobs(toy):
    (subject,) = open_subjects(["openai-api/toy/picky+access=text"])
    assert subject.access is Access.text
    assert "logprobs" not in toy.seen[0]
    assert "+access=text" in refusal(EndpointError, "openai-api/toy/picky", look=open_subjects)


def test_a_dead_server_is_found_on_opening(toy):
    toy.stop()
    assert "check that the server runs" in refusal(EndpointError, SPEC, look=open_subjects)
    toy.start()


def test_a_wrong_key_or_model_is_found_on_opening(toy, monkeypatch):
    assert "no such model" in refusal(EndpointError, "openai-api/toy/unknown", look=open_subjects)
    monkeypatch.setenv("TOY_API_KEY", "sk-wrong-9876543210fedcba")
    assert "[key]" in refusal(EndpointError, SPEC, look=open_subjects)


def test_opening_survives_every_fault(toy):
    toy.faults = FAULTS
    assert opened("")[0].access is Access.logprobs


def test_fingerprints_tell_apart_what_shapes_the_answers(toy, tmp_path):
    (tmp_path / "system").write_text("x")
    tails = ["", "+system=x", "+system=y", '+extra={"a":1}', "+price=1/2", f"+system={tmp_path / 'system'}"]
    plain, x, y, extra, priced, file = (s.fingerprint for s in opened(*tails))
    assert len({plain, x, y, extra}) == 4
    assert priced == plain
    assert file == x


def test_an_endpoint_may_stand_beside_weights(toy, folders):
    endpoint, weights = open_subjects([SPEC, f"{folders['base']}+dtype=float32"])
    assert (endpoint.access, weights.access) == (Access.logprobs, Access.weights)
    with pytest.raises(TokenizerMismatch):
        open_subjects([SPEC, f"{folders['base']}", f"{folders['neox']}"])


# asking


def test_answers_depend_on_the_key_and_the_draw(toy):
    (subject,) = opened("")
    first = subject.respond(PROMPTS, 0, 6, 1.0, "k")
    assert first == subject.respond(PROMPTS, 0, 6, 1.0, "k")
    assert all(said.text and said.tokens and said.usd == 0 for said in first)
    assert first != subject.respond(PROMPTS, 1, 6, 1.0, "k")
    assert first != subject.respond(PROMPTS, 0, 6, 1.0, "l")
    bodies = toy.seen[1:]
    assert all(0 <= body["seed"] < 2**31 and body["temperature"] == 1.0 for body in bodies)
    assert len({body["seed"] for body in bodies}) == 12


def test_the_system_message_replaces_the_prompts_own(toy):
    plain, changed = opened("", '+system=Talk like a pirate.+extra={"top_k":0}')
    assert plain.respond([SYSTEM], 0, 4, 1.0, "k") != changed.respond([SYSTEM], 0, 4, 1.0, "k")
    *_, before, after = toy.seen
    assert [m["content"] for m in before["messages"]] == ["Be brief.", "hi"]
    assert [m["content"] for m in after["messages"]] == ["Talk like a pirate.", "hi"]
    assert "top_k" not in before
    assert after["top_k"] == 0


def test_first_tokens_and_what_is_hidden(toy):
    (subject,) = opened("")
    for top in subject.first_tokens(PROMPTS, 3, 1.0):
        assert top.log_probs == pytest.approx({"Ahoy": -1, "Hello": -2, "Sure": -3})
        assert top.hidden == pytest.approx(1 - sum(math.exp(-i) for i in (1, 2, 3)))
    subject.first_tokens(PROMPTS[:1], 500, 1.0)
    assert toy.seen[-1]["top_logprobs"] == 20


def test_a_server_that_answers_nothing_ends_the_run(toy, monkeypatch):
    monkeypatch.setattr("whatchanged.endpoints.inspect.ATTEMPTS", 1)
    (subject,) = opened("")
    for call in (lambda: subject.respond(PROMPTS, 0, 6, 1.0, "k"), lambda: subject.first_tokens(PROMPTS, 3, 1.0)):
        toy.faults = ("garbage",)
        with pytest.raises(EndpointError, match="answered none of 4 prompts"):
            call()


def test_a_prompt_without_an_answer_is_none(toy, monkeypatch):
    (subject,) = opened("")
    monkeypatch.setattr(
        subject._model, "ask", lambda asks: [None, *(Reply(text="Hi.", tokens_out=2) for _ in asks[1:])]
    )
    said = subject.respond(PROMPTS, 0, 6, 1.0, "k")
    assert said == [None, *[Said("Hi.", 2)] * (len(PROMPTS) - 1)]


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.encode(PROMPTS[0]),
        lambda s: s.user_opening(),
        lambda s: s.tokenize("x"),
        lambda s: s.detokenize([1]),
        lambda s: s.score([Context((1,))]),
        lambda s: s.stepper([(1,)]),
        lambda s: s.sample([Continue((1,), (), 0)], 1),
        lambda s: s.first_tokens(PROMPTS, 3, 0.7),
    ],
)
def test_what_an_endpoint_lacks_it_says(toy, call):
    with pytest.raises(AccessError, match="gives access level 'logprobs'"):
        call(opened("")[0])


def test_text_has_no_first_tokens(toy):
    with pytest.raises(AccessError, match="needs 'logprobs'"):
        opened("+access=text")[0].first_tokens(PROMPTS, 3, 1.0)


def test_a_kept_reply_is_not_asked_for_again(toy, tmp_path):
    (subject,) = opened("+price=1/2")
    purse = Purse(1.0)
    subject.keep(tmp_path / "replies", purse)
    assert purse.spent == 0  # the probe is free
    first = subject.respond(PROMPTS, 0, 6, 1.0, "k")
    assert purse.spent > 0
    assert purse.spent == pytest.approx(sum(said.usd for said in first))

    (again,) = opened("+price=1/2")
    resumed = Purse(1.0)
    again.keep(tmp_path / "replies", resumed)
    before = len(toy.seen)
    assert again.respond(PROMPTS, 0, 6, 1.0, "k") == first
    assert len(toy.seen) == before
    assert resumed.spent == pytest.approx(purse.spent)
    kept = [f.read_text() for f in tmp_path.rglob("*.json")]
    assert len(kept) == len(PROMPTS)
    assert not any(KEY in text for text in kept)
    assert {json.loads(text)["text"] for text in kept} == {said.text for said in first}


# llama.cpp's server


LLAMA = 'openai-api/llama/smollm2+extra={"top_k":0,"min_p":0}'
ASKED = [Prompt.user("What is the capital of France?"), Prompt.user("Write one sentence about the sea.")]


@pytest.mark.model
class TestLlama:
    def test_first_tokens_are_probabilities_likeliest_first(self, llama_server):
        (subject,) = open_subjects([LLAMA])
        assert subject.access is Access.logprobs
        for top in subject.first_tokens(ASKED, 20, 1.0):
            found = list(top.log_probs.values())
            total = sum(map(math.exp, found))
            assert len(found) >= 15
            assert found == sorted(found, reverse=True)
            assert 0.5 < total <= 1 + 1e-6
            assert top.hidden == pytest.approx(max(0.0, 1 - total), abs=1e-9)
        assert max(top.log_probs, key=top.log_probs.get).isprintable()

    def test_they_do_not_depend_on_how_the_server_would_sample(self, llama_server):
        whole, cut = open_subjects([LLAMA, 'openai-api/llama/smollm2+extra={"top_k":2,"min_p":0.5}'])
        (one,), (two,) = (s.first_tokens(ASKED[:1], 10, 1.0) for s in (whole, cut))
        assert two.log_probs == pytest.approx(one.log_probs, abs=1e-3)

    def test_answers_are_text_and_repeat_with_their_seed(self, llama_server):
        plain, french = open_subjects([LLAMA, f"{LLAMA}+system=Answer every question in French."])
        first = plain.respond(ASKED, 0, 8, 1.0, "k")
        assert all(said.text.strip() and 0 < said.tokens <= 8 for said in first)
        # One at a time: the other requests of a batch change the last bits of what the server computes.
        (alone,) = plain.respond(ASKED[:1], 2, 8, 1.0, "k")
        assert plain.respond(ASKED[:1], 2, 8, 1.0, "k") == [alone]
        assert plain.respond(ASKED, 1, 8, 1.0, "k") != first
        assert french.respond(ASKED, 0, 8, 1.0, "k") != first
        assert french.first_tokens(ASKED[:1], 5, 1.0) != plain.first_tokens(ASKED[:1], 5, 1.0)
