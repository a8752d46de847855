"""Do two models answer differently at all? Tests on texts, or on first-token log-probabilities.

A permutation here never leaves its prompt. Under "no change", the answers of both models to one prompt are
exchangeable; answers to different prompts are not. Labels permuted across prompts would compare the prompts:
a null distribution as wide as the prompts are diverse, in which a change common to all of them drowns.
Every p-value is (1 + b) / (1 + B), b of B permutations being at least as extreme: valid, and never 0.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from whatchanged.stats.bets import Floats

Pairs = Literal["pooled", "within", "combined"]
LogProbs = Mapping[str, float]

NGRAMS = (3, 4, 5)
BITS = 12
# The two ends of a text count as characters, with code points that no text can hold.
START, END = 0x110000, 0x110001
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
# Log-probabilities below 1e-13 are rounding, or a server's way to say "none".
LEAST = math.log(1e-13)
# Servers round, so a list that seems to hold all mass may still hide this much.
ROUNDING = 1e-3


class TwoSample(NamedTuple):
    """A test's statistic, its p-value in (0, 1], and the number of permutations behind it."""

    statistic: float
    p_value: float
    permutations: int


class Bounds(NamedTuple):
    """What two top-k lists say of d = q - p: per token [low, high], and the total variation's bounds."""

    shifts: dict[str, tuple[float, float]]
    tv_low: float
    tv_high: float


def string_kernel(a: Sequence[str], b: Sequence[str]) -> Floats:
    """Cosine of the counts of character 3-, 4- and 5-grams, (len(a), len(b)), in [-1, 1].

    The spectrum kernel (Leslie et al. 2002), n-grams hashed with a sign to 4096 places so that collisions
    cancel on average (Weinberger et al., arXiv 0902.2206). Equal texts give 1; the empty text is like itself
    only. Time is linear in the length of the texts, memory 32 kB a text.
    """
    left = _features(a)
    return left @ (left if b is a else _features(b)).T


def embedding_kernel(vectors_a: ArrayLike, vectors_b: ArrayLike, bandwidth: float | None = None) -> Floats:
    """exp(-|x - y|^2 / (2 bandwidth^2)) of vectors (m, d) and (n, d), shape (m, n).

    Without a bandwidth: the median of the positive distances between the two sets (1 if there are none). For
    a test, pass all vectors of both models as both sets. Raises ValueError for a bandwidth that is not positive.
    """
    a, b = np.asarray(vectors_a, dtype=np.float64), np.asarray(vectors_b, dtype=np.float64)
    squares = np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0.0)
    if bandwidth is None:
        apart = squares[squares > 1e-12 * squares.max(initial=0.0)]
        bandwidth = math.sqrt(float(np.median(apart))) if len(apart) else 1.0
    if not bandwidth > 0:
        raise ValueError(f"bandwidth={bandwidth}: must be positive")
    similarity: Floats = np.exp(-squares / (2 * bandwidth**2))
    return similarity


def mmd_permutation(
    kernel: Floats, prompts: ArrayLike, permutations: int = 999, seed: int = 0, pairs: Pairs = "combined"
) -> TwoSample:
    """Maximum mean discrepancy of two models' texts, its p-value by permutation within prompt.

    `kernel` (2n, 2n): n texts of the base, then n of the candidate; `prompts` (n,): text i and text n + i
    answer prompts[i]; a prompt may recur. MMD^2 = s'Ks with signs s (Gretton et al. 2012, eq. 5, biased).

    pairs       which pairs of texts count      sees                              statistic
    pooled      all                             a change common to the prompts    MMD^2
    within      those of the same prompt        changes that differ by prompt     mean of the prompts' MMD^2
    combined    both, by the same permutations  either                            the larger, standardised, or 0

    Standardised by mean and deviation over the permutations and the data alike, so the maximum is as
    exchangeable as its parts: one p-value, no correction needed. With one text a prompt and model, the
    "within" statistic cannot change under permutation: alone it gives p = 1, combined it does not count.
    Raises ValueError for shapes that do not fit, no permutations or unknown pairs.
    """
    groups = np.unique(np.asarray(prompts), return_inverse=True)[1].reshape(-1)
    n = len(groups)
    if not n or kernel.shape != (2 * n, 2 * n) or permutations < 1:
        raise ValueError(f"kernel {kernel.shape}, {n} prompts, {permutations} permutations: need (2n, 2n), n, >= 1")
    if pairs not in ("pooled", "within", "combined"):
        raise ValueError(f"pairs={pairs!r}: one of pooled, within, combined")
    group = np.concatenate((groups, groups))
    signs = _signs(group, permutations, seed)
    forms = [] if pairs == "within" else [kernel / n**2]
    if pairs != "pooled":
        weights = 1 / np.bincount(groups)[group]
        same = group[:, None] == group
        forms.append(kernel * same * np.outer(weights, weights) / (groups.max() + 1))
    raw = [np.einsum("bi,bi->b", signs @ form, signs) for form in forms]
    standard = np.max([_standardised(values) for values in raw], axis=0)
    extreme = int((standard[1:] >= standard[0] - 1e-9).sum())
    statistic = standard[0] if pairs == "combined" else raw[0][0]
    return TwoSample(max(float(statistic), 0.0), (1 + extreme) / (1 + permutations), permutations)


def logprob_gate(
    base: Sequence[LogProbs],
    candidate: Sequence[LogProbs],
    repeat: Sequence[LogProbs],
    permutations: int = 999,
    seed: int = 0,
) -> TwoSample:
    """Does the candidate's first token differ from the base's by more than the base from its own repeat?

    Per prompt a list of natural-log probabilities by token: from the base, the candidate, and the base asked
    again. The statistic is the mean over prompts of distance(base, candidate) - distance(base, repeat); a
    distance is the mean |difference| in nats over the base's tokens, and a token that the other list lacks
    counts with the least that its difference can be. Under "no change" candidate and repeat may be swapped in
    any prompt, which is what a permutation does (one-sided). Servers are not deterministic, hence the repeat;
    where all is equal p = 1. A prompt with an empty list says nothing and is left out.
    After "Log Probability Tracking of LLM APIs" (arXiv 2512.03816).
    Raises ValueError for sequences of unequal length or no permutations.
    """
    if not len(base) == len(candidate) == len(repeat) or permutations < 1:
        raise ValueError(
            f"{len(base)}, {len(candidate)} and {len(repeat)} prompts, {permutations} permutations: "
            "need the same prompts thrice, and at least one permutation"
        )
    triples = [t for t in zip(base, candidate, repeat, strict=True) if all(t)]
    excess = np.array([_distance(b, c) - _distance(b, r) for b, c, r in triples], dtype=np.float64)
    return sign_flip(excess, permutations, seed)


def sign_flip(differences: ArrayLike, permutations: int = 999, seed: int = 0) -> TwoSample:
    """Is the mean of (n,) differences above 0, where under "no change" each is as likely as its negative? One-sided.

    The statistic is the mean, 0 without a difference; where all are 0, p = 1 (Fisher 1935, the permutation test of
    paired values). Raises ValueError for no permutations.
    """
    if permutations < 1:
        raise ValueError(f"{permutations} permutations: need at least one")
    d = np.asarray(differences, dtype=np.float64)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (permutations, len(d)))
    extreme = int((signs @ d >= d.sum() - 1e-12 * np.abs(d).sum()).sum())
    return TwoSample(float(d.mean()) if len(d) else 0.0, (1 + extreme) / (1 + permutations), permutations)


def shift_bounds(base: LogProbs, candidate: LogProbs) -> Bounds:
    """What is certain of d = q - p, given the k likeliest tokens of p (base) and of q (candidate).

    The lists hold natural-log probabilities. A token that a list lacks has there at most m = min(smallest
    listed, hidden mass h): its d is an interval; where both lists have it, d is exact.

    Upper: TV = 1 - sum min(p, q) <= 1 - sum of min(p, q) over the tokens listed on both sides.
    Lower: TV = sum (q - p)+ >= the same over q's list, where p can cover of the tokens it does not list at most
    m each and h in all; likewise sum (p - q)+ over p's list. TV is at least the larger of the two.

    No other bound is tighter while the vocabulary has room for the hidden mass. Lists of all tokens are exact.
    Raises ValueError for a log-probability that is above 0 or NaN.
    """
    p, q = _probabilities(base), _probabilities(candidate)
    (hidden_p, most_p), (hidden_q, most_q) = _hidden(p), _hidden(q)
    shifts = {
        token: (q.get(token, 0.0) - p.get(token, most_p), q.get(token, most_q) - p.get(token, 0.0))
        for token in {**p, **q}
    }
    shared = math.fsum(min(p[token], q[token]) for token in p.keys() & q.keys())
    high = min(max(1 - shared, 0.0), 1.0)
    low = max(_excess(q, p, most_p, hidden_p), _excess(p, q, most_q, hidden_q))
    return Bounds(shifts, min(max(low, 0.0), high), high)


def _features(texts: Sequence[str]) -> Floats:
    """Unit vectors (len(texts), 4097); the last place is for texts whose counts are all 0, as the empty one's."""
    features = np.zeros((len(texts), 2**BITS + 1))
    for row, text in zip(features, texts, strict=True):
        inner = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
        codes = np.concatenate(([np.uint64(START)], inner, [np.uint64(END)]))
        for n in NGRAMS:
            row[:-1] += _counts(codes, n)
        norm = math.sqrt(float(row @ row))
        row[-1] = norm == 0
        row /= norm or 1.0
    return features


def _counts(codes: NDArray[np.uint64], n: int) -> Floats:
    """Signed counts (4096,) of the n-grams, by a multiplicative hash modulo 2^64."""
    count = max(len(codes) - n + 1, 0)
    hashed = np.full(count, n, dtype=np.uint64)
    for i in range(n):
        hashed = (hashed ^ codes[i : i + count]) * MULTIPLIER
        hashed ^= hashed >> np.uint64(29)
    sign = 1.0 - 2.0 * (hashed & np.uint64(1)).astype(np.float64)
    place = ((hashed * MULTIPLIER) >> np.uint64(64 - BITS)).astype(np.int64)
    return np.bincount(place, weights=sign, minlength=2**BITS).astype(np.float64)


def _signs(group: NDArray[np.intp], permutations: int, seed: int) -> Floats:
    """Signs (1 + permutations, 2n): +1 base, -1 candidate as given, then shuffled within each group."""
    given = np.repeat([1.0, -1.0], len(group) // 2)
    keys = group + np.random.default_rng(seed).random((permutations, len(group)))
    order = np.argsort(keys, axis=1)  # group by group, in random order within
    signs = np.empty((1 + permutations, len(group)))
    signs[0] = given
    np.put_along_axis(signs[1:], order, given[np.argsort(group, kind="stable")][None, :], axis=1)
    return signs


def _standardised(values: Floats) -> Floats:
    """Mean 0 and deviation 1; -inf throughout for values that differ by rounding only."""
    if np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())):
        return np.full(len(values), -np.inf)
    standard: Floats = (values - values.mean()) / values.std()
    return standard


def _distance(base: LogProbs, other: LogProbs) -> float:
    """Mean |difference| in nats over the base's tokens; see `logprob_gate`."""
    unseen = 1 - math.fsum(math.exp(min(value, 0.0)) for value in other.values())
    most = max(min(*other.values(), math.log(max(unseen, ROUNDING))), LEAST)
    total = 0.0
    for token, value in base.items():
        mine = max(value, LEAST)
        total += abs(mine - max(other[token], LEAST)) if token in other else max(mine - most, 0.0)
    return total / len(base)


def _probabilities(logprobs: LogProbs) -> dict[str, float]:
    bad = [value for value in logprobs.values() if not value <= 1e-6]
    if bad:
        raise ValueError(f"log-probability {bad[0]}: must be at most 0")
    return {token: math.exp(min(value, 0.0)) for token, value in logprobs.items()}


def _hidden(listed: Mapping[str, float]) -> tuple[float, float]:
    """The mass outside the list, and the most that one token there can have."""
    hidden = max(1 - math.fsum(listed.values()), 0.0)
    return hidden, min([hidden, *listed.values()])


def _excess(more: Mapping[str, float], less: Mapping[str, float], most: float, hidden: float) -> float:
    """The least sum of (more - less)+ over the tokens of `more`'s list."""
    known = math.fsum(max(more[token] - less[token], 0.0) for token in more.keys() & less.keys())
    unlisted = [more[token] for token in more.keys() - less.keys()]
    return known + math.fsum(unlisted) - min(math.fsum(min(value, most) for value in unlisted), hidden)
