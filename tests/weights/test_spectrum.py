"""Singular values and triples against numpy's SVD; the error bound holds."""

import made
import numpy as np
import pytest

from whatchanged.weights.adapter import Factors
from whatchanged.weights.spectrum import factor_triples, summary, triples


def power(rng, shape, exponent):
    side = min(shape)
    left, _ = np.linalg.qr(rng.standard_normal((shape[0], side)))
    right, _ = np.linalg.qr(rng.standard_normal((shape[1], side)))
    return ((left * np.arange(1, side + 1) ** -exponent) @ right.T).astype(np.float32)


DELTAS = {
    "structured": lambda rng: power(rng, (400, 300), 0.8),
    "steep": lambda rng: power(rng, (300, 420), 2.0),
    "noise": lambda rng: rng.standard_normal((300, 380)).astype(np.float32),
    "low rank": lambda rng: made.low_rank(rng, np.ones((400, 300)), 5, 0.1).astype(np.float32),
    "rank 40": lambda rng: made.low_rank(rng, np.ones((500, 400)), 40, 0.1).astype(np.float32),
    "spike": lambda rng: (rng.standard_normal((300, 300)) + 0.5 * np.ones((300, 300))).astype(np.float32),
}


@pytest.mark.parametrize("name", DELTAS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_randomised_range_keeps_its_error_bound(name, seed):
    delta = DELTAS[name](np.random.default_rng(seed))
    found = triples(delta, 16, seed)
    true = np.linalg.svd(delta.astype(float), compute_uv=False)
    assert not found.exact
    left_out = delta - (found.left * found.values) @ found.right
    assert np.linalg.norm(left_out) <= found.residual * (1 + 1e-6)
    assert found.residual <= np.linalg.norm(left_out) * 1.001 + 2e-3 * np.linalg.norm(delta)
    error = true[: len(found.values)] - found.values
    assert (error > -1e-5 * true[0]).all()
    assert (error <= found.residual).all()
    np.testing.assert_allclose(found.left.T @ found.left, np.eye(len(found.values)), atol=1e-4)
    np.testing.assert_allclose(found.right @ found.right.T, np.eye(len(found.values)), atol=1e-4)


@pytest.mark.parametrize("name", ["structured", "steep", "low rank", "spike"])
def test_leading_values_are_right_to_a_thousandth(name):
    delta = DELTAS[name](np.random.default_rng(3))
    true = np.linalg.svd(delta.astype(float), compute_uv=False)
    assert triples(delta, 16, 0).values[0] == pytest.approx(true[0], rel=1e-3)


def test_one_seed_gives_one_answer():
    delta = DELTAS["structured"](np.random.default_rng(0))
    a, b, c = (triples(delta, 8, seed).values for seed in (5, 5, 6))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize("shape", [(7, 40), (300, 20), (256, 900)])
def test_small_matrices_are_exact(shape):
    delta = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    found = triples(delta, 4, 0)
    assert (found.exact, found.residual) == (True, 0.0)
    np.testing.assert_allclose(found.values, np.linalg.svd(delta.astype(float), compute_uv=False), rtol=1e-6)


@pytest.mark.parametrize("shape", [(30, 50, 4), (3, 50, 4), (300, 400, 8)])
def test_factors_are_exact(shape):
    rng = np.random.default_rng(0)
    m, n, r = shape
    factors = Factors(rng.standard_normal((m, r)).astype(np.float32), rng.standard_normal((r, n)).astype(np.float32))
    found = factor_triples(factors)
    dense = factors.left.astype(float) @ factors.right
    np.testing.assert_allclose(found.values, np.linalg.svd(dense, compute_uv=False)[: min(m, n, r)], rtol=1e-6)
    np.testing.assert_allclose((found.left * found.values) @ found.right, dense, atol=1e-4)


def test_the_summary_by_hand():
    values = np.array([3.0, 2.0, 1.0, 0.0])
    found = summary(values, 14.0, 0.0, True, (4, 4), 0.0, 2)
    assert found.values == (3.0, 2.0)
    assert found.stable_rank == pytest.approx(14 / 9)
    assert (found.energy_rank, found.rank, found.left_over) == (2, 3, 0.0)  # 13/14 of the energy in two
    assert found.edge_ratio == pytest.approx(3 / (np.sqrt(14 / 16) * 4))
    # Half of the energy was not found: neither rank can be told.
    blind = summary(values, 28.0, np.sqrt(14), False, (400, 400), 0.0, 2)
    assert (blind.energy_rank, blind.rank) == (None, None)
    # The last direction is no larger than rounding.
    assert summary(values, 14.0, 0.0, True, (4, 4), 0.4, 2).rank == 2
