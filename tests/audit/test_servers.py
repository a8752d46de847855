"""Audits of models behind servers, healthy, faulty, dying and paid."""

import json
from collections import Counter
from hashlib import sha256
from importlib import import_module
from itertools import count
from math import log

import pytest
import servers
from budget import TINY
from servers import FAULTS, KEY, ToyServer
from shown import MACHINE, printed
from words import prompts_about

from whatchanged import audit, opened
from whatchanged.config import BUDGETS
from whatchanged.endpoints import inspect as seam
from whatchanged.endpoints.store import ReplyStore
from whatchanged.errors import EndpointError
from whatchanged.subjects.endpoint import EndpointSubject

pytestmark = pytest.mark.alone

LEVELS = ["text", "logprobs"]
BASE = "openai-api/toy/m+price=100/200"
CANDIDATE = "openai-api/toy/m+system=Talk like a sailor.+price=100/200"
AHOY = 230 / 256
SMALLEST = TINY.model_copy(update={"discovery_prompts": 20, "confirmation_prompts": 30, "pairs": 10})
healthy = servers.answer


def sailor(body, log_probs=True):
    """The toy's answer; with a system prompt, nine in ten begin as a sailor's."""
    said = healthy(body, log_probs)
    choice = said["choices"][0]
    changed = body["messages"][0]["role"] == "system"
    if changed and sha256(json.dumps([body["messages"], body.get("seed")]).encode()).digest()[-1] < 256 * AHOY:
        choice["message"]["content"] = " ".join(["Matey", *choice["message"]["content"].split()[1:]])
    if changed and "logprobs" in choice:
        top = [{"token": "Matey", "logprob": log(AHOY), "bytes": None}]
        rest = [{"token": t, "logprob": -3.0 - i, "bytes": None} for i, t in enumerate(servers.WORDS)]
        choice["logprobs"]["content"][0]["top_logprobs"] = (top + rest)[: body["top_logprobs"]]
    return said


class InTurn(ToyServer):
    """Every third request is answered by a fault, each of them in turn. `failed` counts them."""

    def __init__(self):
        self.turn, self.failed = count(1), 0
        super().__init__()

    def serve(self, handler):
        if next(self.turn) % 3:
            return super().serve(handler)
        self.failed += 1
        handler.rfile.read(int(handler.headers["Content-Length"]))
        return self.fail(handler, FAULTS[self.failed % len(FAULTS)])


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """`diff` of the toy server and of itself with a system prompt: (report, run directory, server, now stopped)."""
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (
            ("FIRST_WAIT", 0.01),
            ("LONGEST_WAIT", 0.05),
            ("INSPECT_RETRIES", 0),
            # Long enough for a healthy answer on a busy machine: one that is given up is asked for again.
            ("ATTEMPT_TIMEOUT", 5),
        ):
            patch.setattr(seam, name, value)
        patch.setenv("TOY_API_KEY", KEY)
        patch.setitem(BUDGETS, "small", SMALLEST)
        for name, value in (("BORDER_KEPT", 4), ("BORDER_DRAWS", 2)):
            patch.setattr(import_module("whatchanged.screen.listen"), name, value)
        patch.setattr(servers, "answer", sailor)
        patch.setattr(opened, "load_pools", lambda specs: prompts_about("cooking"))

        def run(name, make=ToyServer, base=BASE, candidate=CANDIDATE, **settings):
            server = make()
            patch.setenv("TOY_BASE_URL", server.url)
            try:
                return audit.diff(base, candidate, out=folder / name, **settings), folder / name, server
            finally:
                server.stop()

        yield run


@pytest.fixture(scope="module", params=LEVELS)
def whole(request, served):
    """(access, report, run directory, server) of an audit without mishap, under a limit that is never met."""
    settings = {"access": request.param, "max_cost": 50.0}
    return request.param, *served(f"healthy-{request.param}", **settings)


def test_a_model_behind_a_server_is_audited(whole):
    access, report, *_ = whole
    assert report.access == access
    assert report.verdict == "changed"
    assert any(f.ci_low < AHOY < f.ci_high and "matey" in f.sentence.lower() for f in report.confirmed)
    assert report.warnings == ()


def test_a_faulty_server_gives_the_report_of_a_healthy_one(whole, served):
    access, right, _, calm = whole
    wrong, _, faulty = served(f"faulty-{access}", InTurn, access=access, max_cost=50.0)
    assert right.model_dump(exclude=MACHINE) == wrong.model_dump(exclude=MACHINE)
    # It did fail, in all ways; and no answer was asked for again once it had come.
    assert faulty.failed >= 4 * len(FAULTS)
    assert faulty.answered == calm.answered


def test_all_that_was_paid_and_asked_is_told(whole):
    _, report, run, server = whole
    paid = sum(usd for _, usd in ReplyStore(run / "replies").prices())
    # One call a model on opening is neither stored nor counted.
    assert report.cost.calls == len(server.seen) - 2
    assert report.cost.usd == pytest.approx(paid, abs=1e-4)


def test_the_key_is_in_no_file_of_the_run(whole):
    files = [p for p in whole[2].rglob("*") if p.is_file()]
    assert len(files) > 50
    assert not [p for p in files if KEY.encode() in p.read_bytes()]


def test_max_cost_is_never_passed_and_its_refusal_is_told_also_after_a_resume(served):
    settings = {"access": "text", "max_cost": 0.12}
    report, run, server = served("limited", **settings)
    paid = sum(usd for _, usd in ReplyStore(run / "replies").prices())
    assert len(server.seen) > 10
    assert 0 < paid <= 0.12
    assert report.cost.usd <= 0.12
    assert "stopped early by --max-cost 0.12" in report.warnings
    assert report.verdict == "inconclusive"
    assert "--max-cost 0.12" in report.summary
    assert "--max-cost 0.12" in printed(report)
    (run / "report.json").unlink()
    again, _, server = served("limited", **settings)
    assert again.model_dump(exclude=MACHINE) == report.model_dump(exclude=MACHINE)
    assert len(server.seen) == 2  # opening alone


def test_a_limit_without_a_price_is_refused_in_one_line(served, monkeypatch):
    monkeypatch.setattr("whatchanged.endpoints.inspect._is_loopback", lambda url: False)
    with pytest.raises(EndpointError, match=r"\+price=") as caught:
        served("refused", base="openai-api/toy/m", access="text", max_cost=1.0)
    assert "\n" not in str(caught.value)


class Killed(BaseException):
    """Not an Exception, as a signal is none."""


@pytest.mark.parametrize("whole", ["text"], indirect=True)
def test_killed_between_two_answers_it_resumes_and_pays_for_none_twice(whole, served, monkeypatch):
    access, right, _, calm = whole
    sessions, answered = [], []

    def make():
        sessions.append(ToyServer())
        return sessions[-1]

    def dying(self, *args):
        said = respond(self, *args)
        answered.append(self.name)
        # The last of these are the base's whole answers; the candidate's never come.
        if len(answered) == 7:
            raise Killed
        return said

    respond = EndpointSubject.respond
    with monkeypatch.context() as patch:
        patch.setattr(EndpointSubject, "respond", dying)
        with pytest.raises(Killed):
            served("killed", make, access=access, max_cost=50.0)
    report, *_ = served("killed", make, access=access, max_cost=50.0)
    assert report.model_dump(exclude=MACHINE) == right.model_dump(exclude=MACHINE)
    both = sessions[0].answered + sessions[1].answered
    assert both - calm.answered == Counter({next(iter(calm.answered)): 2})  # opening again, a call a model
    assert min(s.answered.total() for s in sessions) > 10


def test_a_server_that_dies_for_good_ends_the_run_and_decides_nothing(served, monkeypatch):
    class Dying(ToyServer):
        def serve(self, handler):
            if len(self.seen) > 20:
                return servers.send(handler, 500, {"error": {"message": "gone"}})
            return super().serve(handler)

    monkeypatch.setattr(seam, "ATTEMPTS", 2)
    with pytest.raises(EndpointError, match="repeat the command, which resumes"):
        served("dead", Dying, access="text")
