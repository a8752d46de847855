"""A whole audit with a game in it: what the first round of tests left out, red finds, and fresh prompts confirm."""

import pytest
from budget import TINY
from words import KITCHEN, SAILOR, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.config import BUDGETS
from whatchanged.records import Prompt

# A second round of tests has a quarter of the fresh prompts.
POOL = [
    Prompt.user(f"{polite} {p.text}", tags=p.tags) for polite in ("Please:", "Now:", "Again:") for p in prompts_about()
]
PLANTS = Plant(KITCHEN, 0.8, TOPICS["cooking"]), Plant(SAILOR, 0.6, TOPICS["sea"])


@pytest.fixture
def play(diff, monkeypatch):
    """An audit whose first round may test one hypothesis only, with and without a game."""

    def work(*plants, tokens=20_000, hypotheses=1, **settings):
        budget = {"game_tokens": tokens, "hypotheses": hypotheses, "confirmation_prompts": 1000}
        monkeypatch.setitem(BUDGETS, "small", TINY.model_copy(update=budget))
        subjects = WordSubject(), WordSubject(*plants)
        return diff(*subjects, pool=POOL, finders=("none",), **settings), subjects

    return work


def phrases(report):
    return {f.phrase for f in report.confirmed}


def test_both_changes_are_confirmed_and_the_value_rises(play):
    report, _ = play(*PLANTS)
    assert phrases(report) == {KITCHEN, SAILOR}
    (by_red,) = [f for f in report.confirmed if f.id.startswith("g")]
    assert report.game.proposed == (by_red.id,)
    first, last = report.game.rounds[0], report.game.rounds[-1]
    assert (first.findings, last.findings) == (1, 2)
    assert first.foreseen + 0.1 < last.foreseen == report.game.value
    assert report.game.value > 0.99
    assert report.game.finds == ()
    assert report.explained_share > 0.9


def test_without_a_game_one_stays_unfound(play):
    report, _ = play(*PLANTS, tokens=0)
    assert len(phrases(report)) == 1
    assert report.game is None
    assert report.explained_share < 0.7


def test_a_resumed_audit_plays_the_same_game(play, tmp_path):
    first, _ = play(*PLANTS)
    (tmp_path / "run" / "report.json").unlink()
    again, (base, candidate) = play(*PLANTS)
    assert again.game == first.game
    assert again.findings == first.findings
    assert (base.scored, candidate.scored, base.sampled, candidate.sampled) == (0, 0, 0, 0)


def test_nothing_changed_no_game(play):
    report, _ = play()
    assert (report.game, report.verdict) == (None, "no_change_found")


def test_drift_gives_red_no_finding(diff, monkeypatch):
    monkeypatch.setitem(BUDGETS, "small", TINY.model_copy(update={"game_tokens": 20_000}))
    report = diff(WordSubject(), WordSubject(drift=0.1), finders=("none",))
    assert report.confirmed == ()
    assert report.game.rounds
