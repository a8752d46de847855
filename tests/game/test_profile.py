"""The numbers that the game is played with."""

import numpy as np
import pytest
from evidence import evidence_of
from words import INDEX, KITCHEN, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.game import profile as module
from whatchanged.game.profile import Profile, lookup, profile, quantiles
from whatchanged.screen.factors import contributions


@pytest.mark.parametrize("chunk", [256, 7])
def test_contributions_add_up_by_token_sign_and_opening(new_ledger, monkeypatch, chunk):
    monkeypatch.setattr(module, "CHUNK", chunk)
    candidate = WordSubject(Plant(KITCHEN, 0.8, TOPICS["cooking"]))
    shifts = evidence_of(new_ledger(), WordSubject(), candidate, prompts_about()[:40]).shifts
    seen, flat = profile(shifts), contributions(shifts)
    assert seen.value.sum() == pytest.approx(flat.value.sum())
    opens = 4 * INDEX["From"] + 1
    for row in range(40):
        here = (flat.shift == row) & (flat.position == 0) & (flat.column == 2 * INDEX["From"])
        assert seen.value[(seen.row == row) & (seen.key == opens)].sum() == pytest.approx(flat.value[here].sum())
    assert set(seen.token_gained[seen.key == opens]) == {INDEX["From"]}
    assert set(seen.token_gained[seen.key % 4 == 3]) == {-1}


def test_nothing_shown_is_an_empty_profile():
    seen = profile([])
    assert (len(seen.key), seen.count, quantiles(seen, 3, 0.5)) == (0, 0, {})


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_quantiles_count_the_prompts_without_an_entry(level):
    rng = np.random.default_rng(0)
    dense = rng.random((30, 6)) * (rng.random((30, 6)) < np.linspace(0.05, 1, 6))
    row, key = np.nonzero(dense)
    found = quantiles(Profile(row, 10 * key, dense[row, key], 30), 30, level)
    expected = np.quantile(dense, level, axis=0)
    assert found == pytest.approx({10 * k: v for k, v in enumerate(expected) if v > 0})


def test_lookup():
    assert lookup({3: 1.0, 7: 2.0}, np.array([7, 1, 3, 9])).tolist() == [2.0, 0.0, 1.0, 0.0]
    assert lookup({}, np.array([1, 2])).tolist() == [0.0, 0.0]
