"""A shift is what a direct computation on the whole distributions says it is."""

import numpy as np
import pytest
import torch

from toy import ToyRows
from whatchanged.records import Response
from whatchanged.screen import change_probability, shifts_of
from whatchanged.screen.shift import KEPT

VOCABULARY, END = 40, 7


def response(number, tokens, end=None):
    return Response(prompt_id=f"p{number}", draw=0, tokens=tokens, text="", finished=end is not None, end=end)


RESPONSES = [response(0, (3, 9, 3, 11), END), response(1, ()), response(2, (5,)), response(3, (), END)]
ROWS = sum(len(r.tokens) + 1 for r in RESPONSES)


@pytest.fixture
def laws():
    """(p, q), float64[rows, vocabulary], of which the first row is the same in both."""
    p, q = np.random.default_rng(3).dirichlet(np.full(VOCABULARY, 0.3), size=(2, ROWS)) + 1e-6
    q[0] = p[0]
    return p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)


def rows(law):
    return ToyRows(torch.tensor(np.log(law)).float())


def starts():
    return np.cumsum([0, *(len(r.tokens) + 1 for r in RESPONSES)])


def test_divergences_are_those_of_the_whole_distributions(laws):
    p, q = laws
    shifts = shifts_of(rows(p), rows(q), RESPONSES)
    expected = {
        "tv": 0.5 * np.abs(q - p).sum(1),
        "kl_qp": (q * np.log(q / p)).sum(1),
        "kl_pq": (p * np.log(p / q)).sum(1),
    }
    for name, values in expected.items():
        measured = np.concatenate([getattr(s, name) for s in shifts])
        np.testing.assert_allclose(measured, values, rtol=1e-4, atol=1e-6)
    assert [len(s.tv) for s in shifts] == [len(r.tokens) + 1 for r in RESPONSES]
    assert [(s.prompt_id, s.draw) for s in shifts] == [(r.prompt_id, r.draw) for r in RESPONSES]


def test_kept_tokens_are_the_largest_contributions_with_their_probabilities(laws):
    p, q = laws
    for shift, start in zip(shifts_of(rows(p), rows(q), RESPONSES), starts(), strict=False):
        for t in range(len(shift.tv)):
            a, b = p[start + t], q[start + t]
            if start + t == 0:
                continue  # nothing differs there, so that any tokens may be named
            assert list(shift.gained_ids[t]) == list(np.argsort(-(b * np.log(b / a)))[:KEPT])
            assert list(shift.lost_ids[t]) == list(np.argsort(-(a * np.log(a / b)))[:KEPT])
            for side in ("gained", "lost"):
                ids = getattr(shift, f"{side}_ids")[t]
                np.testing.assert_allclose(getattr(shift, f"{side}_p")[t], a[ids], rtol=1e-4)
                np.testing.assert_allclose(getattr(shift, f"{side}_q")[t], b[ids], rtol=1e-4)


def test_rest_is_the_gain_and_loss_that_was_not_kept(laws):
    p, q = laws
    rest = np.concatenate([s.rest for s in shifts_of(rows(p), rows(q), RESPONSES)])
    gain = np.sort(np.clip(q * np.log(q / p), 0, None), axis=1)
    loss = np.sort(np.clip(p * np.log(p / q), 0, None), axis=1)
    np.testing.assert_allclose(rest, gain[:, :-KEPT].sum(1) + loss[:, :-KEPT].sum(1), rtol=1e-3, atol=1e-5)
    assert rest.max() > 0.001


def test_log_ratio_runs_over_drawn_tokens_the_end_included(laws):
    p, q = laws
    shifts = shifts_of(rows(p), rows(q), RESPONSES)
    for shift, given, start in zip(shifts, RESPONSES, starts(), strict=False):
        at = start + np.arange(len(given.drawn))
        expected = np.log(q[at, list(given.drawn)] / p[at, list(given.drawn)])
        np.testing.assert_allclose(shift.log_ratio, expected, rtol=1e-4, atol=1e-6)
    assert [len(s.log_ratio) for s in shifts] == [5, 0, 1, 1]  # finished, nothing said, cut off, ended at once


def test_a_cut_off_response_has_the_row_after_its_last_token_but_no_chance_to_change_there(laws):
    p, q = laws
    shift = shifts_of(rows(p), rows(q), RESPONSES)[2]
    assert len(shift.tv) == 2
    assert shift.p_change == pytest.approx(float(shift.tv[0]))


def test_without_an_answer_the_chance_of_a_change_is_unknown(laws):
    p, q = laws
    (shift,) = shifts_of(rows(p[:1]), rows(q[:1]), [Response.undrawn("x")])
    assert len(shift.tv) == 1
    assert np.isnan(shift.p_change)
    assert not shift.followed
    assert [s.followed for s in shifts_of(rows(p), rows(q), RESPONSES)] == [bool(r.drawn) for r in RESPONSES]


def test_a_model_against_itself_has_not_moved(laws):
    for candidate in (same := rows(laws[0]), rows(laws[0])):
        for shift in shifts_of(same, candidate, RESPONSES):
            assert not any(a.any() for a in (shift.tv, shift.kl_qp, shift.kl_pq, shift.rest, shift.log_ratio))
            assert shift.p_change == 0 if shift.followed else np.isnan(shift.p_change)
            np.testing.assert_array_equal(shift.gained_p, shift.gained_q)


def test_few_words_are_all_kept():
    law = np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]])
    (shift,) = shifts_of(rows(law[0]), rows(law[1]), [response(0, ())])
    assert shift.gained_ids.tolist() == [[0, 1]]
    assert shift.lost_ids.tolist() == [[1, 0]]
    assert shift.rest.tolist() == [0]


def test_change_probability_by_hand():
    # Token 1 was said with q/p = 1/2: the coupled pair gets past it half of the time.
    tv, log_ratio = np.array([0.3, 0.4], np.float32), np.log(np.array([0.5, 4.0], np.float32))
    assert change_probability(tv, log_ratio) == pytest.approx(0.3 + 0.5 * 0.4)
    assert change_probability(tv, -log_ratio) == pytest.approx(0.3 + 0.4)  # accepted for certain: q > p
    assert change_probability(tv[:0], log_ratio[:0]) == 0


def test_change_probability_averages_to_the_chance_that_a_coupled_pair_differs():
    p, q = np.array([0.7, 0.3]), np.array([0.4, 0.6])  # two words, drawn twice, independent of each other
    tv = np.full(2, 0.3, np.float32)
    mean = sum(
        p[a] * p[b] * change_probability(tv, np.log(np.array([q[a] / p[a], q[b] / p[b]], np.float32)))
        for a in (0, 1)
        for b in (0, 1)
    )
    # The pair is the same when both words are accepted: sum of min(p, q), twice.
    assert mean == pytest.approx(1 - 0.7**2)
