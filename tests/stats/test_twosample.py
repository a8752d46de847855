"""Permutation tests that hold their level, see what they should, and react to models, not to prompts."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatchanged.stats import embedding_kernel, logprob_gate, mmd_permutation, shift_bounds, sign_flip, string_kernel

PAIRS = ["pooled", "within", "combined"]
WORDS = ["river", "stone", "apple", "cloud", "lamp", "green", "seven", "walk", "paper", "under"]


def gaussian(rng, prompts, repeats, shift=0.0, spread=5.0):
    """Vectors of both models around each prompt's own centre; shift (prompts, 2) or a number moves the candidate."""
    centres = spread * rng.normal(size=(prompts, 2))
    base, candidate = (rng.normal(size=(prompts, repeats, 2)) + centres[:, None] for _ in range(2))
    candidate += np.broadcast_to(shift, (prompts, 2))[:, None]
    vectors = np.concatenate((base.reshape(-1, 2), candidate.reshape(-1, 2)))
    return embedding_kernel(vectors, vectors), np.repeat(np.arange(prompts), repeats)


def sentence(rng, words=WORDS):
    return " ".join(rng.choice(words, 8))


def test_string_kernel_is_a_normalised_kernel():
    texts = ["", "a", "b", "aa", "the cat sat", "the cat sits", "Ω🙂\ud800", "x" * 5000]
    kernel = string_kernel(texts, texts)
    np.testing.assert_allclose(np.diag(kernel), 1)
    np.testing.assert_allclose(kernel, kernel.T)
    assert np.linalg.eigvalsh(kernel).min() > -1e-9
    assert (kernel[0, 1:] == 0).all()
    assert kernel[4, 5] > 0.6
    assert abs(kernel[4, 7]) < 0.1
    assert string_kernel(texts[:3], texts).shape == (3, 8)
    assert string_kernel([], texts).shape == (0, 8)


def test_string_kernel_estimates_the_exact_spectrum_kernel():
    rng = np.random.default_rng(0)
    texts = [sentence(rng) for _ in range(20)]

    def counts(text):
        padded = f"<{text}>"
        return Counter(padded[i : i + n] for n in (3, 4, 5) for i in range(len(padded) - n + 1))

    grams = [counts(text) for text in texts]
    dots = np.array([[sum(x[g] * y[g] for g in x) for y in grams] for x in grams], dtype=float)
    exact = dots / np.sqrt(np.outer(np.diag(dots), np.diag(dots)))
    error = (string_kernel(texts, texts) - exact)[np.triu_indices(20, 1)]
    assert np.sqrt(np.mean(error**2)) < 0.05
    assert np.abs(error).max() < 0.15


def test_embedding_kernel_takes_the_median_distance():
    line = np.array([[0.0], [1.0], [3.0]])  # distances 1, 2, 3
    kernel = embedding_kernel(line, line)
    assert kernel[0, 0] == 1
    assert kernel[0, 1] == pytest.approx(math.exp(-1 / 8))
    assert embedding_kernel(line, line, 1.0)[1, 2] == pytest.approx(math.exp(-2))
    assert (embedding_kernel(line[:1], line[:1]) == 1).all()
    with pytest.raises(ValueError, match="bandwidth=0"):
        embedding_kernel(line, line, 0)


@pytest.mark.parametrize("repeats", [1, 3])
def test_p_is_uniform_where_only_the_prompts_differ(repeats):
    rng = np.random.default_rng(8)
    data = [gaussian(rng, 12, repeats) for _ in range(200)]
    for pairs in PAIRS if repeats > 1 else ["pooled", "combined"]:
        p = np.array([mmd_permutation(k, prompts, 99, seed, pairs).p_value for seed, (k, prompts) in enumerate(data)])
        assert p.min() >= 0.01
        assert 7 <= (p <= 0.1).sum() <= 34  # binomial(200, 0.1), 99.9%
        assert 70 <= (p <= 0.5).sum() <= 130


def test_identical_texts_give_p_one():
    texts = [sentence(np.random.default_rng(i)) for i in range(20)] * 2
    kernel = string_kernel(texts, texts)
    assert mmd_permutation(kernel, np.arange(20), 99, 0) == (0.0, 1.0, 99)
    for pairs in PAIRS:  # with repeats of a prompt, other halves of the same texts are less alike
        assert mmd_permutation(kernel, np.arange(20) // 2, 99, 0, pairs).p_value > 0.9


def test_a_common_change_is_seen_by_pooling():
    kernel, prompts = gaussian(np.random.default_rng(1), 60, 1, shift=1.5, spread=2.0)
    assert mmd_permutation(kernel, prompts, 199, 0, "pooled").p_value == 1 / 200
    assert mmd_permutation(kernel, prompts, 199, 0, "combined").p_value == 1 / 200
    assert mmd_permutation(kernel, prompts, 199, 0, "within").p_value == 1  # one text a side: nothing to see


def test_a_change_that_differs_by_prompt_is_seen_within():
    rng = np.random.default_rng(2)
    shift = 3 * rng.normal(size=(30, 2))
    kernel, prompts = gaussian(rng, 30, 4, shift=shift, spread=20.0)
    assert mmd_permutation(kernel, prompts, 199, 0, "within").p_value == 1 / 200
    assert mmd_permutation(kernel, prompts, 199, 0, "combined").p_value == 1 / 200


def test_mmd_is_the_textbook_sum():
    kernel, prompts = gaussian(np.random.default_rng(3), 5, 2)
    xx, yy, xy = kernel[:10, :10], kernel[10:, 10:], kernel[:10, 10:]
    pooled = mmd_permutation(kernel, prompts, 9, 0, "pooled").statistic
    assert pooled == pytest.approx(xx.mean() + yy.mean() - 2 * xy.mean())
    each = [xx[b, b].mean() + yy[b, b].mean() - 2 * xy[b, b].mean() for b in (slice(i, i + 2) for i in range(0, 10, 2))]
    assert mmd_permutation(kernel, prompts, 9, 0, "within").statistic == pytest.approx(np.mean(each))


def test_a_planted_opening_is_found_in_texts_and_the_seed_reproduces_it():
    rng = np.random.default_rng(4)
    prompts = np.repeat([f"prompt {i}" for i in range(20)], 2)
    own = [list(rng.choice(WORDS, 4)) for _ in range(20)]  # every prompt has its own words
    base, same = ([sentence(rng, own[i // 2]) for i in range(40)] for _ in range(2))
    planted = ["Well, " + text if i % 4 else text for i, text in enumerate(same)]
    null = mmd_permutation(string_kernel(base + same, base + same), prompts, 199, 5)
    found = mmd_permutation(string_kernel(base + planted, base + planted), prompts, 199, 5)
    assert null.p_value > 0.05
    assert found.p_value <= 0.01
    assert null == mmd_permutation(string_kernel(base + same, base + same), prompts, 199, 5)
    assert null != mmd_permutation(string_kernel(base + same, base + same), prompts, 199, 6)


def test_mmd_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"kernel \(4, 4\), 3 prompts"):
        mmd_permutation(np.eye(4), [0, 1, 2])
    with pytest.raises(ValueError, match="0 permutations"):
        mmd_permutation(np.eye(4), [0, 1], 0)
    with pytest.raises(ValueError, match="pairs='across'"):
        mmd_permutation(np.eye(4), [0, 1], pairs="across")


def top(rng, logits, noise, k=5):
    noisy = logits + noise * rng.normal(size=len(logits))
    logprobs = noisy - np.log(np.exp(noisy).sum())
    return {f"t{i}": float(logprobs[i]) for i in np.argsort(-logprobs)[:k]}


def test_logprob_gate_holds_its_level_on_a_noisy_server():
    rng = np.random.default_rng(9)
    p = []
    for seed in range(200):
        logits = 2 * rng.normal(size=(15, 12))
        base, candidate, repeat = ([top(rng, row, 0.05) for row in logits] for _ in range(3))
        p.append(logprob_gate(base, candidate, repeat, 99, seed).p_value)
    assert min(p) >= 0.01
    assert 7 <= np.sum(np.array(p) <= 0.1) <= 34


def test_logprob_gate_sees_a_small_change_and_a_new_first_token():
    rng = np.random.default_rng(10)
    logits = 2 * rng.normal(size=(30, 12))
    base, repeat = ([top(rng, row, 0.02) for row in logits] for _ in range(2))
    nudged = [top(rng, row + 0.2 * rng.normal(size=12), 0.02) for row in logits]
    assert logprob_gate(base, nudged, repeat, 199).p_value == 1 / 200
    elsewhere = [{"unheard of": -0.01}] * 30
    assert logprob_gate(base, elsewhere, repeat, 199).p_value == 1 / 200
    assert logprob_gate(base, nudged, repeat, 199) == logprob_gate(base, nudged, repeat, 199)


def test_logprob_gate_where_nothing_moves_gives_one():
    same = [{"a": -0.1, "b": -2.5}] * 20
    assert logprob_gate(same, same, same, 99) == (0.0, 1.0, 99)
    assert logprob_gate([{}] * 3, same[:3], same[:3], 99).p_value == 1
    assert math.isfinite(logprob_gate([{"a": -0.1}], [{"a": -math.inf}], [{"a": -9999.0}]).statistic)
    with pytest.raises(ValueError, match="20, 19 and 20 prompts"):
        logprob_gate(same, same[1:], same)


def distribution(rng, size, concentration):
    p = rng.dirichlet(np.full(size, concentration)) + 1e-9
    return p / p.sum()


def likeliest(p, k):
    return {f"t{i}": math.log(p[i]) for i in np.argsort(-p)[:k]}


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    size=st.integers(2, 12),
    ks=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    concentration=st.sampled_from([0.1, 1.0, 10.0]),
)
def test_the_truth_lies_within_the_bounds(seed, size, ks, concentration):
    rng = np.random.default_rng(seed)
    p = distribution(rng, size, concentration)
    q = distribution(rng, size, concentration) if seed % 2 else 0.9 * p + 0.1 * distribution(rng, size, 0.3)
    bounds = shift_bounds(likeliest(p, min(ks[0], size)), likeliest(q, min(ks[1], size)))
    for token, (low, high) in bounds.shifts.items():
        i = int(token[1:])
        assert low - 1e-9 <= q[i] - p[i] <= high + 1e-9
    tv = np.abs(q - p).sum() / 2
    assert bounds.tv_low - 1e-9 <= tv <= bounds.tv_high + 1e-9
    if min(ks) >= size:
        assert bounds.tv_low == pytest.approx(tv, abs=1e-9)
        assert bounds.tv_high == pytest.approx(tv, abs=1e-9)
        assert all(low == pytest.approx(high, abs=1e-9) for low, high in bounds.shifts.values())


def test_bounds_by_hand():
    base, candidate = {"a": math.log(0.6), "b": math.log(0.2)}, {"a": math.log(0.5), "c": math.log(0.4)}
    shifts, low, high = shift_bounds(base, candidate)
    assert shifts["a"] == pytest.approx((-0.1, -0.1))
    assert shifts["b"] == pytest.approx((-0.2, -0.1))  # the candidate hides 0.1
    assert shifts["c"] == pytest.approx((0.2, 0.4))  # the base hides 0.2, as much as its smallest
    assert low == pytest.approx(0.2)
    assert high == pytest.approx(0.5)


def test_bounds_of_empty_lists_and_of_nonsense():
    assert shift_bounds({}, {}) == ({}, 0.0, 1.0)
    same = {"a": math.log(0.7), "b": math.log(0.2)}
    assert shift_bounds(same, same)[1:] == pytest.approx((0, 0.1))
    for bad in (0.5, math.nan):
        with pytest.raises(ValueError, match="log-probability"):
            shift_bounds(same, {"a": bad})


def test_sign_flips_count_those_at_least_as_extreme():
    assert sign_flip([1.0] * 10, permutations=999) == (1.0, pytest.approx(0.001, abs=0.004), 999)
    assert sign_flip([-1.0] * 10).p_value == 1
    assert sign_flip([0.0] * 10).p_value == sign_flip([]).p_value == 1
    with pytest.raises(ValueError, match="at least one"):
        sign_flip([1.0], permutations=0)
