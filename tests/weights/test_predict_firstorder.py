"""The first-order shift against the candidate itself, for small changes; both ways to compute it agree."""

import numpy as np
import planted
import pytest
import tiny
import torch

from whatchanged.records import Prompt
from whatchanged.weights.predict import first_order, read_directions
from whatchanged.weights.predict import firstorder as room

PROMPTS = [Prompt.user(t) for t in ("What is the capital of France?", "the sea", "Please write a poem. " * 5)]
MODELS = pytest.mark.parametrize("make", [tiny.llama, tiny.neox], ids=["llama", "neox"])


pytestmark = pytest.mark.usefixtures("one_thread")


def made(tmp_path, make, size, dtype="float32"):
    base = make(tmp_path / "base")
    subject = planted.opened(base)
    folder = planted.plant(base, tmp_path / "candidate", planted.random_deltas(subject, 2, size, seed=0))
    asked = subject if dtype == "float32" else planted.opened(base, dtype)
    return asked, planted.opened(folder), read_directions(str(base), str(folder), asked)


def change_of(subject, directions, prompt, way=room.logit_change):
    ids = subject.encode(prompt)
    logits, change = way(subject, directions.modules, [ids], ids[: subject.common_prefix([ids])])
    return logits[0], change[0]


def cosine(a, b):
    return float(torch.nn.functional.cosine_similarity(a - a.mean(), b - b.mean(), dim=0))


@MODELS
def test_it_is_the_candidates_difference_for_a_small_change(tmp_path, make):
    subject, candidate, directions = made(tmp_path, make, 1e-3)
    for prompt in PROMPTS:
        before = planted.logits(subject, prompt)
        true = planted.logits(candidate, prompt) - before
        logits, change = change_of(subject, directions, prompt)
        torch.testing.assert_close(logits, before, atol=1e-4, rtol=1e-4)
        assert cosine(change, true) > 0.99
        assert float(change.norm() / true.norm()) == pytest.approx(1.0, abs=0.05)


@MODELS
def test_the_central_difference_agrees(tmp_path, make):
    subject, _, directions = made(tmp_path, make, 0.02)
    for prompt in PROMPTS:
        exact = change_of(subject, directions, prompt, room.forward_mode)
        other = change_of(subject, directions, prompt, room.central_difference)
        assert cosine(exact[1], other[1]) > 0.999
        torch.testing.assert_close(exact[0], other[0], atol=2e-2, rtol=2e-2)


def test_bfloat16_is_near(tmp_path):
    subject, _, directions = made(tmp_path, tiny.llama, 0.02, "bfloat16")
    exact = planted.opened(tmp_path / "base")
    for prompt in PROMPTS:
        assert cosine(change_of(subject, directions, prompt)[1], change_of(exact, directions, prompt)[1]) > 0.98


def test_where_there_is_no_forward_derivative(tmp_path, monkeypatch):
    subject, _, directions = made(tmp_path, tiny.llama, 0.02)
    expected = change_of(subject, directions, PROMPTS[0])[1]

    def refuse(*_):
        raise NotImplementedError("Trying to use forward AD with _some_fused_op that does not support it")

    monkeypatch.setattr(room, "forward_mode", refuse)
    assert cosine(change_of(subject, directions, PROMPTS[0])[1], expected) > 0.999

    def fail(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(room, "forward_mode", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        change_of(subject, directions, PROMPTS[0])


def test_a_changed_head_counts(tmp_path):
    base = tiny.llama(tmp_path / "base", tie_word_embeddings=False)
    subject = planted.opened(base)
    delta = np.random.default_rng(0).standard_normal((300, 32)) * 0.01
    directions = planted.directions(base, tmp_path / "candidate", subject, {"lm_head.weight": delta})
    true = planted.logits(planted.opened(tmp_path / "candidate"), PROMPTS[0]) - planted.logits(subject, PROMPTS[0])
    torch.testing.assert_close(change_of(subject, directions, PROMPTS[0])[1], true, atol=1e-4, rtol=1e-3)


def test_what_is_reported(tmp_path):
    subject, _, directions = made(tmp_path, tiny.llama, 0.05)
    found = first_order(subject, directions, PROMPTS, top=3)
    assert [f.prompt_id for f in found] == [p.id for p in PROMPTS]
    for prompt, foreseen in zip(PROMPTS, found, strict=True):
        logits, change = change_of(subject, directions, prompt)
        log_p, log_q = torch.log_softmax(logits, 0), torch.log_softmax(logits + change, 0)
        gain = log_q.exp() * (log_q - log_p)
        assert foreseen.kl == pytest.approx(float(gain.sum()), rel=1e-2, abs=1e-6)
        assert [t.token for t in foreseen.gained] == gain.topk(3).indices.tolist()
        assert all(t.q > t.p and t.text == subject.detokenize([t.token]) for t in foreseen.gained)
        assert len(foreseen.lost) == 3
        assert all(t.q < t.p for t in foreseen.lost)


def test_batches_change_nothing(tmp_path):
    subject, _, directions = made(tmp_path, tiny.llama, 0.05)
    one, many = (first_order(subject, directions, PROMPTS, batch_tokens=size) for size in (1, 10_000))
    for a, b in zip(one, many, strict=True):
        assert a.kl == pytest.approx(b.kl, rel=1e-3, abs=1e-6)
        assert [t.token for t in a.gained] == [t.token for t in b.gained]
