"""Audits of models that score given answers: coupled confirmation, the perplexity gap, and a resume over a server."""

import json

import numpy as np
import pytest
from budget import TINY
from likely import LikelyServer, LikelySubject, draw, words
from servers import KEY
from shown import MACHINE, printed
from words import prompts_about

from whatchanged import audit, opened
from whatchanged.config import BUDGETS
from whatchanged.predicates import load
from whatchanged.records import Pair, Prompt
from whatchanged.report import render_html

SMALLEST = TINY.model_copy(
    update={"discovery_prompts": 12, "confirmation_prompts": 8, "pairs": 6, "response_tokens": 2}
)
PROMPT = Prompt.user("anything")


@pytest.fixture
def served(monkeypatch, tmp_path):
    """`diff` of the two laws behind one server: (report, run directory, requests)."""
    monkeypatch.setenv("TOY_API_KEY", KEY)
    monkeypatch.setitem(BUDGETS, "small", SMALLEST)
    monkeypatch.setattr(opened, "load_pools", lambda specs: prompts_about("cooking"))

    def run(name, **settings):
        server = LikelyServer()
        monkeypatch.setenv("TOY_BASE_URL", server.url)
        try:
            out = tmp_path / name
            return audit.diff("openai-api/toy/p", "openai-api/toy/q", out=out, **settings), out, len(server.seen)
        finally:
            server.stop()

    return run


def many(model):
    """2000 answers."""
    rng = np.random.default_rng(0)
    return [words(draw(model, TINY.response_tokens, rng)[0]) for _ in range(2000)]


def kept(run, stage):
    """Pairs that a step of the run holds."""
    rows = [row for f in run.glob(f"evidence/{stage}/**/weighed-*[0-9].json") for row in json.loads(f.read_text())]
    return [(Pair.model_validate(row["pair"]), row) for row in rows if row is not None]


def test_confirmation_is_coupled_and_covers_the_truth(diff, tmp_path):
    report = diff(LikelySubject("p"), LikelySubject("q"))
    assert report.access == "logprobs"
    assert report.claims.beyond_noise_floor
    assert any(lead.id == "perplexity-gap" for lead in report.leads)
    assert report.confirmed
    for found in report.confirmed:
        base, candidate = (np.mean([load(found.predicate).score(t, PROMPT) for t in many(name)]) for name in "pq")
        assert found.ci_low < candidate - base < found.ci_high
        assert abs(candidate - base) > 0.1
    assert len(kept(tmp_path / "run", "confirm")) > 60
    assert report.cost.scored_tokens.candidate > 0


def test_a_model_against_itself_is_not_changed(diff):
    report = diff(LikelySubject("p"), LikelySubject("p"))
    assert report.confirmed == report.leads == ()
    assert report.verdict != "changed"


def test_models_that_score_are_ranked_over_a_server(served):
    report, run, asked = served("run")
    assert report.access == "logprobs"
    assert "Whole answers (log-likelihood ratio)" in [gate.test for gate in report.gates]
    assert kept(run, "elicit")
    assert report.cost.scored_tokens.base > 0
    # Opening takes two calls a model; all else is counted.
    assert report.cost.calls == asked - 4
    assert "log-likelihood ratio" in printed(report)
    assert "log-likelihood ratio" in render_html(report)
    (run / "report.json").unlink()
    again, _, asked = served("run")
    assert again.model_dump(exclude=MACHINE) == report.model_dump(exclude=MACHINE)
    assert asked == 4


def test_less_access_asks_for_no_score(served):
    report, run, _ = served("text", access="text")
    assert not kept(run, "elicit")
    assert "Whole answers (log-likelihood ratio)" not in [gate.test for gate in report.gates]
