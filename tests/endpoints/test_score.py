"""Answers scored over a server of ours that does it as vLLM does, through Inspect; and what does not count."""

from math import log

import pytest
from likely import AHOY, BOTH, END, THEN, WELL, LikelyServer, log_prob, read
from servers import KEY, toy_server

from whatchanged.endpoints import Position, Purse, Reply, log_probs, reads, scoring_ask
from whatchanged.errors import AccessError
from whatchanged.records import Message, Prompt
from whatchanged.subjects import Access, Said, open_subjects

HI = (Message(role="user", content="Hi,"),)
PROMPTS = [Prompt.user(f"question {i}?") for i in range(16)]
CHAT, RAW = "openai-api/toy/q", "openai-api-completions/toy/q"


@pytest.fixture
def serve(monkeypatch):
    """Start a server that TOY_BASE_URL names."""
    running = []

    def start(**how):
        running.append(LikelyServer(**how))
        monkeypatch.setenv("TOY_BASE_URL", running[-1].url)
        return running[-1]

    yield start
    for server in running:
        server.stop()


def opened(*specs):
    return open_subjects(list(specs))


# What counts as a score.

PROMPT = (("<user>", -1.0), ("Hi", -1.0), (AHOY, -0.5), (THEN, -2.0))
NEXT = (Position(token=AHOY, top={AHOY: -0.1, END: -3.0}),)


@pytest.mark.parametrize(
    ("pieces", "finished", "found"),
    [
        ((AHOY, THEN), False, (-0.5, -2.0)),
        ((AHOY, THEN, END), True, (-0.5, -2.0, -3.0)),
        ((AHOY, THEN, "<|other|>"), True, None),  # an end that is not among the likeliest
        ((AHOY, THEN), True, None),  # a server that does not list the end
        ((AHOY, WELL), False, None),  # read as other tokens
        ((" ahoy then",), False, None),
        ((), True, None),
        ((), False, None),
    ],
)
def test_only_the_drawn_tokens_count(pieces, finished, found):
    reply = Reply(text="", positions=NEXT, prompt=PROMPT)
    assert log_probs(reply, f"{AHOY}{THEN}", pieces, finished) == found


def test_a_repeated_token_is_not_taken_for_an_end():
    reply = Reply(text="", positions=(Position(token="ha", top={"ha": -0.1}),), prompt=(("x", -1.0), ("ha", -1.0)))
    assert log_probs(reply, "haha", ("ha", "ha"), True) is None


def test_an_empty_answer_is_its_end_alone():
    assert log_probs(Reply(text="", positions=NEXT, prompt=PROMPT), "", (END,), True) == (-3.0,)


def test_an_impossible_token_is_no_score():
    reply = Reply(text="", prompt=((AHOY, float("-inf")),))
    assert log_probs(reply, AHOY, (AHOY,), False) is None


def test_the_answer_goes_into_a_turn_or_onto_the_text():
    turn, raw, empty = scoring_ask(HI, " x", False), scoring_ask(HI, " x", True), scoring_ask(HI, "", False)
    assert [m.content for m in turn.messages] == ["Hi,", " x"]
    assert turn.messages[-1].role == "assistant"
    assert [m.content for m in raw.messages] == ["Hi, x"]
    assert empty.messages == HI
    assert turn.prompt_logprobs
    assert turn.max_tokens == 1


def test_a_server_that_closes_the_turn_does_not_read_the_answer_last():
    before, after = Reply(text="", prompt=PROMPT[:2]), Reply(text="", prompt=PROMPT)
    assert reads(before, after, f"{AHOY}{THEN}")
    assert not reads(before, after, AHOY)
    assert not reads(Reply(text=""), after, f"{AHOY}{THEN}")


# Over a server.


@pytest.mark.parametrize("spec", [CHAT, RAW])
def test_scores_are_exact_for_whole_cut_and_strange_answers(serve, spec):
    server = serve()
    base, candidate = opened(spec.replace("/q", "/p"), spec)
    assert candidate.scores_text
    assert candidate.access is Access.logprobs
    said = base.respond(PROMPTS, 0, 3, 1.0, "k")
    assert all(s.pieces for s in said)
    assert {s.finished for s in said} == {True, False}
    strange = [read(s.text) != [p for p in s.pieces if p != END] for s in said]
    assert 0 < sum(strange) < len(said)
    for subject in (base, candidate):
        for s, scored, odd in zip(said, subject.log_likelihoods(PROMPTS, said), strange, strict=True):
            expected = None if odd else pytest.approx(log_prob(subject.name.split("/")[-1], s.pieces))
            assert scored.log_prob == expected
            assert scored.tokens > 0
    assert server.seen[-1]["prompt_logprobs"] == 1


def test_scores_are_kept_and_paid_like_any_reply(serve, tmp_path):
    server = serve()
    (subject,) = opened(f"{CHAT}+price=100/100")
    purse = Purse(1.0)
    subject.keep(tmp_path / "replies", purse)
    said = subject.respond(PROMPTS[:4], 0, 3, 1.0, "k")
    before = purse.spent
    first = subject.log_likelihoods(PROMPTS[:4], said)
    assert purse.spent - before == pytest.approx(sum(s.usd for s in first))
    assert purse.spent > before
    asked = len(server.seen)
    (again,) = opened(f"{CHAT}+price=100/100")
    again.keep(tmp_path / "replies", Purse(1.0))
    assert again.log_likelihoods(PROMPTS[:4], said) == first
    assert len(server.seen) == asked + 2  # opening alone


def test_a_score_that_fails_is_missing_alone(serve, monkeypatch):
    serve()
    (subject,) = opened(CHAT)
    said = [Said(AHOY, 1, finished=False, pieces=(AHOY,)), Said(BOTH, 1, finished=False, pieces=(BOTH,))]
    answer = subject._model.ask
    monkeypatch.setattr(subject._model, "ask", lambda asks: [None, *answer(asks[1:])])
    missing, there = subject.log_likelihoods(PROMPTS[:2], said)
    assert missing is None
    assert there.log_prob == pytest.approx(log(0.2))


# Servers that do not score.


@pytest.mark.parametrize(
    ("how", "calls"), [({"scores": False}, 1), ({"obeys": False}, 2), ({"refuses": True}, 2)], ids=str
)
def test_a_server_that_cannot_score_keeps_its_log_probabilities(serve, how, calls):
    server = serve(**how)
    (subject,) = opened(CHAT)
    assert subject.access is Access.logprobs
    assert not subject.scores_text
    assert len(server.seen) == calls
    with pytest.raises(AccessError, match="scoring of given answers"):
        subject.log_likelihoods(PROMPTS[:1], [Said(AHOY, 1)])
    subject.respond(PROMPTS[:1], 0, 3, 1.0, "k")
    assert "logprobs" not in server.seen[-1] or not server.seen[-1]["logprobs"]


def test_access_text_asks_for_no_score(serve):
    server = serve()
    (subject,) = opened(f"{CHAT}+access=text")
    assert not subject.scores_text
    assert not any("prompt_logprobs" in body for body in server.seen)


def test_a_server_like_llama_cpp_ignores_the_question(monkeypatch):
    """It takes fields that it does not know, and gives no log probabilities of the prompt."""
    monkeypatch.setenv("TOY_API_KEY", KEY)
    with toy_server() as server:
        monkeypatch.setenv("TOY_BASE_URL", server.url)
        (subject,) = opened("openai-api/toy/m")
        assert subject.access is Access.logprobs
        assert not subject.scores_text
        assert len(server.seen) == 1
