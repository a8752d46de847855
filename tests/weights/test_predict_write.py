"""Write directions: a planted token is read, noise is not."""

import numpy as np
import planted
import pytest
import tiny
import torch

from whatchanged.weights.predict import spearman, write_directions

WRITERS = {
    tiny.llama: ("self_attn.o_proj", "mlp.down_proj"),
    tiny.neox: ("attention.dense", "mlp.dense_4h_to_h"),
}
TOKEN = 77


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", params=WRITERS, ids=["llama", "neox"])
def base(request, tmp_path_factory):
    folder = request.param(tmp_path_factory.mktemp("models") / "base")
    return folder, planted.opened(folder), WRITERS[request.param]


def writer(subject, ending):
    return next(n for n, _ in subject.engine.model.named_modules() if f".1.{ending}" in n)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("which", [0, 1])
def test_an_unembedding_row_promotes_its_token(base, tmp_path, which, sign):
    folder, subject, endings = base
    path = writer(subject, endings[which])
    row = subject.engine.unembedding.weight[TOKEN].detach().numpy()
    right = np.random.default_rng(0).standard_normal(subject.engine.model.get_submodule(path).weight.shape[1])
    found = planted.directions(folder, tmp_path / "c", subject, {f"{path}.weight": sign * np.outer(row, right)})
    (written,) = write_directions(subject, found, top=4, null=199)
    assert (written.module, written.layer, written.number) == (path, 1, 0)
    assert written.promoted[0].token == TOKEN
    assert written.promoted[0].text == subject.detokenize([TOKEN])
    assert written.strongest == written.promoted[0].logit
    assert written.p == 1 / 200
    assert written.reading
    assert written.share == pytest.approx(1.0)
    assert [t.logit for t in written.demoted] == sorted(t.logit for t in written.demoted)
    assert len(written.promoted) == len(written.demoted) == 4


def test_the_logits_are_those_of_a_stream_of_unit_size(base, tmp_path):
    folder, subject, endings = base
    path = writer(subject, endings[1])
    row = subject.engine.unembedding.weight[TOKEN].detach()
    right = np.random.default_rng(0).standard_normal(subject.engine.model.get_submodule(path).weight.shape[1])
    found = planted.directions(folder, tmp_path / "c", subject, {f"{path}.weight": np.outer(row, right)})
    (written,) = write_directions(subject, found, null=9)
    norm = list(subject.engine.decoder.children())
    norm = next(m for m in reversed(norm) if "Norm" in type(m).__name__)
    with torch.inference_mode():
        unit = row / row.norm() * len(row) ** 0.5
        logits = (norm(unit) - norm(torch.zeros_like(unit))) @ subject.engine.unembedding.weight.T
    assert written.strongest == pytest.approx(float(logits[TOKEN]), rel=1e-3)


def test_random_changes_are_not_called_readings(base, tmp_path):
    """At 1% a direction, of some 320: more than 10 with probability below 0.001 if they were independent."""
    folder, subject, endings = base
    found = []
    for seed in range(20):
        deltas = planted.random_deltas(subject, 4, 0.1, seed)
        directions = planted.directions(folder, tmp_path / str(seed), subject, deltas)
        found += write_directions(subject, directions, top=1, seed=seed)
    assert {w.module.split(".", 3)[3] for w in found} == set(endings)  # a query projection is as wide, but no writer
    assert len(found) > 200
    assert sum(w.reading for w in found) <= 10
    assert min(w.p for w in found) >= 1 / 1000
    p = np.array([w.p for w in found])
    assert 0.4 < p.mean() < 0.6


def test_the_null_has_a_seed(base, tmp_path):
    folder, subject, _ = base
    directions = planted.directions(folder, tmp_path / "c", subject, planted.random_deltas(subject, 4, 0.1, 0))
    a, b, c = (write_directions(subject, directions, null=199, seed=seed) for seed in (1, 1, 2))
    assert a == b
    assert [w.p for w in a] != [w.p for w in c]


def test_spearman():
    assert spearman([1, 2, 3, 4], [10, 20, 30, 1000]) == pytest.approx(1.0)
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1.0)
    assert spearman([1, 1, 1], [1, 2, 3]) == 0.0
    # Ties share their mean rank: ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4.
    assert spearman([1, 2, 2, 5], [1, 2, 3, 4]) == pytest.approx(4.5 / np.sqrt(4.5 * 5))
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, 200), rng.standard_normal(200)
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
