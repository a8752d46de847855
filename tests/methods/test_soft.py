"""Soft prompts on real, tiny models: gradients flow, texts come back, and a plant that they suggest is confirmed."""

import pytest
import tiny
import torch
from budget import TINY
from page import assert_inert
from plant import SEA, exact

from tests.audit.conftest import install
from tests.methods.conftest import POOL
from whatchanged import audit
from whatchanged.config import BUDGETS
from whatchanged.errors import SpecError
from whatchanged.methods.firsts import first_kls
from whatchanged.methods.readback import nearest, readings
from whatchanged.methods.soft import Read, paired
from whatchanged.methods.softly import LENGTHS, RESTARTS, stage, trials
from whatchanged.methods.vectors import POSITIONS, Stage, answer, divergence, measured, train
from whatchanged.predicates import load
from whatchanged.report import render_html
from whatchanged.search.gradient import embeddings
from whatchanged.weights.predict.frames import frame_of

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def where(models):
    base, candidate = models
    return Stage((base, candidate), (frame_of(base, "{}"), frame_of(candidate, "{}")))


class Audit:
    """As much of an audit as training looks at."""

    def __init__(self, ledger, models, prompts=()):
        self.ledger, self.base, self.candidate = ledger, *models
        self.prompts = type("Split", (), {"discovery": list(prompts), "confirmation": []})


STARTS = [(20, 30, 40, 50), (60, 70, 80, 90), (100, 110, 120, 130)]


def test_the_divergence_rises_from_every_start(where):
    trained = train(where, STARTS, 30)
    assert all(after > before for before, after in zip(trained.before, trained.after, strict=True))
    assert max(trained.after) > 2 * max(trained.before)
    again = measured(where, trained.vectors, answer(where, trained.vectors))
    assert torch.allclose(again, torch.tensor(trained.after), atol=1e-4)


def test_the_gradient_is_that_of_the_divergence(where):
    table = embeddings(where.models[0])
    soft = table[torch.tensor(STARTS)].clone().requires_grad_(True)
    answers = answer(where, soft.detach())
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(divergence(where, soft, answers).sum(), soft)
    step = 1e-3 * gradient / gradient.norm()
    there, back = (measured(where, soft.detach() + sign * step, answers).sum() for sign in (1, -1))
    assert float(there - back) / 2e-3 == pytest.approx(float(gradient.norm()), rel=0.05)


def test_no_vector_is_longer_than_those_of_tokens(where):
    trained = train(where, STARTS, 30)
    assert trained.vectors.norm(dim=-1).max() <= embeddings(where.models[0]).norm(dim=-1).max() + 1e-4


def test_a_model_has_no_divergence_from_itself(models):
    frame = frame_of(models[0], "{}")
    trained = train(Stage((models[0], models[0]), (frame, frame)), STARTS, 3)
    assert trained.after == pytest.approx([0.0] * 3, abs=1e-5)


def test_prompts_in_words_are_measured_as_their_embeddings_are(models, where, new_ledger):
    prompt = SEA[0]
    kls, cost = first_kls(Audit(new_ledger(), models), [prompt], POSITIONS)
    row = models[0].encode(prompt)
    inner = row[len(where.frames[0].prefix) : len(row) - len(where.frames[0].suffix)]
    soft = embeddings(models[0])[torch.tensor([inner])]
    assert kls[0] == pytest.approx(float(measured(where, soft, answer(where, soft))[0]), abs=1e-4)
    assert cost.scored_tokens.base >= len(row) - models[0].common_prefix([row])


def test_vectors_of_tokens_read_back_as_these_tokens(models, where):
    ids = models[0].tokenize("the sea and the capital")
    soft = embeddings(models[0])[torch.tensor([ids])]
    assert nearest(models[0], 1.5 * soft) == ["the sea and the capital"]
    texts = readings(where, soft)[0]
    assert not texts[0].restated
    assert any(r.restated for r in texts)
    assert all(r.text == r.text.strip() and r.text.isprintable() for r in texts)


def test_embeddings_of_two_widths_are_refused(models, new_ledger, tmp_path):
    (wide,) = exact(tiny.llama(tmp_path / "wide", hidden_size=64))
    with pytest.raises(SpecError, match="embeddings of 32 and 64 numbers"):
        stage(Audit(new_ledger(), (models[0], wide)))


def test_training_stays_within_the_search_tokens(models, new_ledger, tiny_budget):
    made, cost = trials(Audit(new_ledger(), models, POOL), 4)
    read_back = 6 * RESTARTS * 100
    scored = cost.scored_tokens
    assert len(made) == RESTARTS
    assert 0 < scored.base + scored.candidate <= tiny_budget.search_tokens // len(LENGTHS) + read_back


def test_pool_prompts_that_diverge_most_are_asked_beside_random_ones(models, new_ledger, tiny_budget):
    kls = [float(n % 7) for n in range(len(POOL))]
    control, furthest, brought = paired(Audit(new_ledger(), models, POOL), kls, Read([], {}))
    half = tiny_budget.pairs // 2
    rest = sorted(range(half, len(POOL)), key=lambda n: (-kls[n], n))
    assert [pair.prompt_id for pair in control] == [p.id for p in POOL[:half]]
    assert [pair.prompt_id for pair in furthest] == [POOL[n].id for n in rest[: half // 2]] != []
    assert brought == []


def test_what_the_readings_suggest_is_tested_and_confirmed(models, monkeypatch, tmp_path):
    monkeypatch.setitem(BUDGETS, "small", TINY.model_copy(update={"search_tokens": 100_000}))
    install(monkeypatch, *models, POOL)
    report = audit.diff("base", "candidate", out=tmp_path / "run", method="soft-prompt")
    view = report.soft_prompts
    assert len(view.prompts) == len(LENGTHS) * RESTARTS
    assert [p.after for p in view.prompts] == sorted((p.after for p in view.prompts), reverse=True)
    assert view.prompts[0].after > view.pool_p99 > 0
    assert {r.how for p in view.prompts for r in p.readings} == {"nearest tokens", "restated"}
    page = render_html(report)
    assert_inert(page)
    assert "Soft prompts" in page
    assert report.verdict == "changed"
    # Which words training ends at depends on the processor; whatever is confirmed must be true of the planted answer.
    for finding in report.confirmed:
        assert (load(finding.predicate).score("Paris", SEA[0]) > 0.5) == (finding.direction == "more")
    again = audit.diff("base", "candidate", out=tmp_path / "run", method="soft-prompt")
    assert again == report


def test_a_model_against_itself_gives_nothing(models, monkeypatch, tiny_budget, tmp_path):
    install(monkeypatch, models[0], models[0], POOL)
    report = audit.diff("base", "candidate", out=tmp_path / "run", method="soft-prompt", coupled=False)
    assert report.confirmed == ()
    assert max(p.after for p in report.soft_prompts.prompts) == pytest.approx(0, abs=1e-4)
