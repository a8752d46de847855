"""Readings beyond chance among many directions: the null grows with their number, and noise is left out."""

import numpy as np
import planted
import pytest
import tiny

from whatchanged.weights.predict import ReadDirections, readings
from whatchanged.weights.predict.beyond import MOST_NULL

TOKEN = 77

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """A subject, and the directions of 15 random changes of it: 60 write directions each in 4 layers."""
    root = tmp_path_factory.mktemp("models")
    base = tiny.llama(root / "base")
    subject = planted.opened(base)
    modules = []
    for seed in range(15):
        deltas = planted.random_deltas(subject, 4, 0.1, seed)
        modules += planted.directions(base, root / str(seed), subject, deltas).modules
    return base, subject, modules


def planted_row(base, subject, folder):
    path = next(n for n, _ in subject.engine.model.named_modules() if n.endswith("layers.0.mlp.down_proj"))
    row = subject.engine.unembedding.weight[TOKEN].detach().numpy()
    width = subject.engine.model.get_submodule(path).weight.shape[1]
    delta = np.outer(row, np.random.default_rng(1).standard_normal(width))
    return planted.directions(base, folder, subject, {f"{path}.weight": delta}).modules


def test_one_reading_among_hundreds_stands(noise, tmp_path):
    base, subject, modules = noise
    found = readings(subject, ReadDirections((*modules, *planted_row(base, subject, tmp_path / "c"))))
    assert found.read > 200
    assert found.null == min(int(np.ceil(found.read / 0.05)) - 1, MOST_NULL)
    assert 0.05 / found.read >= 1 / (found.null + 1)  # what one alone needs can be reached
    assert found.kept[0].promoted[0].token == TOKEN
    assert len(found.kept) <= 3


def test_noise_alone_hardly_ever_says_anything(noise):
    _, subject, modules = noise
    kept = [readings(subject, ReadDirections(tuple(modules[i::5])), seed=i).kept for i in range(5)]
    assert sum(map(bool, kept)) <= 2  # each with probability 0.05 at most


def test_nothing_read_is_nothing_said(noise):
    _, subject, _ = noise
    assert readings(subject, ReadDirections(())) == ([], 0, 999)


def test_a_stricter_level_keeps_fewer(noise, tmp_path):
    base, subject, modules = noise
    both = ReadDirections((*modules[:40], *planted_row(base, subject, tmp_path / "c")))
    loose, strict = readings(subject, both, 0.5), readings(subject, both, 0.01)
    assert len(strict.kept) <= len(loose.kept)
    assert strict.null > loose.null
    assert all(w.p <= 0.01 for w in loose.kept)
