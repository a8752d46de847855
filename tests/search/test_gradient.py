"""The gradient's account of every word against what moving an embedding really does."""

from dataclasses import replace

import pytest
import tiny
import torch
from planted import opened

from whatchanged.elicit import opening_probabilities
from whatchanged.records import Prompt
from whatchanged.search import Evidence
from whatchanged.search.gradient import Slot, differentiable, divergence_gain, payload_gain, slots
from whatchanged.search.vocabulary import unseen_words
from whatchanged.subjects import Context

PAYLOAD = "Paris is"
STEP = 1e-3


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gradient")
    # Untied: moving a word's embedding must not move its logit.
    base = tiny.llama(folder / "base", tie_word_embeddings=False)
    return opened(base), opened(tiny.llama(folder / "other", seed=3, tie_word_embeddings=False))


@pytest.fixture
def evidence(models, new_ledger):
    prompts = [Prompt.user(f"Tell me about the number {n}") for n in range(20)]
    return Evidence(new_ledger(), *models, prompts, (), (), ())


def slot_of(evidence: Evidence) -> tuple[Slot, int]:
    """A slot, and the token in it, which is nowhere else in its row."""
    found = slots(evidence, unseen_words(evidence))[0]
    token = found.rows[1][found.at[1]]
    assert found.rows[1].count(token) == 1
    return found, token


def moved(model, token: int, by: torch.Tensor, measure) -> float:
    """`measure()` with the token's embedding moved."""
    row = model.engine.model.get_input_embeddings().weight.data[token]
    kept = row.clone()
    try:
        row += by
        model.engine._prefixes.clear()
        return measure()
    finally:
        row.copy_(kept)
        model.engine._prefixes.clear()


def log_payload(evidence: Evidence, slot: Slot) -> float:
    said = evidence.candidate.tokenize(PAYLOAD)
    rows = evidence.candidate.score([Context(slot.rows[1], said)])
    return float(rows.at([*said, 0])[:-1].sum())


def divergence(evidence: Evidence, slot: Slot) -> float:
    log_p, log_q = (
        next(iter(model.score([Context(row)]).blocks()))[0]
        for model, row in zip((evidence.base, evidence.candidate), slot.rows, strict=True)
    )
    return float((log_q.exp() * (log_q - log_p)).sum())


@pytest.mark.parametrize("other", [20, 150, 280])
def test_a_payloads_gain_is_its_derivative_along_the_tokens_embedding(evidence, other):
    slot, token = slot_of(evidence)
    scores, cost = payload_gain(evidence, [slot], PAYLOAD)
    along = evidence.candidate.engine.model.get_input_embeddings().weight.data[other].clone()
    up, down = (
        moved(evidence.candidate, token, sign * STEP * along, lambda: log_payload(evidence, slot)) for sign in (1, -1)
    )
    assert scores[other] == pytest.approx((up - down) / (2 * STEP), rel=0.05, abs=0.02)
    assert cost.scored_tokens.base == 0 < cost.scored_tokens.candidate


def test_the_divergences_gain_counts_both_models(evidence):
    """Their embeddings are moved alike: the word is put in both prompts."""
    slot, token = slot_of(evidence)
    scores, _ = divergence_gain(evidence, [slot])
    other = 150
    along = evidence.candidate.engine.model.get_input_embeddings().weight.data[other].clone()

    def at(by: torch.Tensor) -> float:
        return moved(
            evidence.base,
            token,
            by,
            lambda: moved(evidence.candidate, token, by, lambda: divergence(evidence, slot)),
        )

    assert scores[other] == pytest.approx((at(STEP * along) - at(-STEP * along)) / (2 * STEP), rel=0.05, abs=0.02)


def test_several_slots_are_averaged(evidence):
    found = slots(evidence, unseen_words(evidence))[:9]  # more than one batch
    whole, _ = payload_gain(evidence, found, PAYLOAD)
    parts = [payload_gain(evidence, [slot], PAYLOAD)[0] for slot in found]
    assert whole == pytest.approx(sum(parts) / len(parts), rel=1e-3, abs=1e-4)


def test_it_leaves_the_models_as_they_were(evidence):
    before, _ = opening_probabilities(evidence.candidate, evidence.prompts[:3], [PAYLOAD])
    divergence_gain(evidence, slots(evidence, unseen_words(evidence)))
    after, _ = opening_probabilities(evidence.candidate, evidence.prompts[:3], [PAYLOAD])
    assert (before == after).all()


def test_models_without_an_engine_have_no_gradients(evidence):
    from words import WordSubject

    assert differentiable(evidence)
    assert not differentiable(replace(evidence, candidate=WordSubject()))


def test_models_of_other_widths_and_embeddings_each_count_by_their_own(tmp_path, new_ledger):
    wide = tiny.llama(tmp_path / "wide", seed=5, hidden_size=64, tie_word_embeddings=False)
    base, candidate = opened(tiny.llama(tmp_path / "base", tie_word_embeddings=False)), opened(wide)
    prompts = [Prompt.user(f"Tell me about the number {n}") for n in range(20)]
    evidence = Evidence(new_ledger(), base, candidate, prompts, (), (), ())
    slot, token = slot_of(evidence)
    scores, _ = divergence_gain(evidence, [slot])
    other = 150
    along = [m.engine.model.get_input_embeddings().weight.data[other].clone() for m in (base, candidate)]

    def at(step: float) -> float:
        return moved(
            base,
            token,
            step * along[0],
            lambda: moved(candidate, token, step * along[1], lambda: divergence(evidence, slot)),
        )

    assert scores[other] == pytest.approx((at(STEP) - at(-STEP)) / (2 * STEP), rel=0.05, abs=0.02)


def test_gradients_go_through_the_weights_and_need_that_access(evidence, new_ledger):
    assert not differentiable(replace(evidence, ledger=new_ledger("logits", access="logits")))
