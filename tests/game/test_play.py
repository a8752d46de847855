"""Rounds: who is paid what, when it ends, and that a game that was broken off is the same game."""

from dataclasses import replace

import numpy as np
import pytest
from versus import COOKING, HALF, SEA, by_words
from words import KITCHEN, SAILOR

from whatchanged.game import Game, Judged, play
from whatchanged.game.play import BEST, PATIENCE, PER_ROUND
from whatchanged.game.profile import profile


@pytest.fixture
def played(matched):
    """`play` against findings about cooking, the sea, or both."""

    def work(*topics, name="run", tokens=8000, **kinds):
        match = matched(COOKING, SEA, name=name, **kinds)
        phrases = {"cooking": KITCHEN, "sea": SAILOR}
        findings = [by_words(match, topic, phrases[topic]) for topic in topics]
        return play(match.evidence, findings, Game.new(match.noise, match.evidence.shifts[:HALF]), tokens), match

    return work


def test_red_finds_the_change_that_was_withheld(played):
    game, match = played("cooking")
    assert len(game.rounds) >= 2
    for played_round in game.rounds:
        assert played_round.earned > 3
        assert played_round.foreseen < 0.9
    judged = game.blue(match.evidence, [by_words(match, "cooking", KITCHEN)]).judge(game.prompts, game.shifts)
    rows = game.finds(judged)
    assert len(rows) > 30
    sea = {"boat", "harbor", "sail", "anchor"}
    assert all(sea & set(game.prompts[i].text.strip("?.").split()) for i in rows[:20])
    assert {match.evidence.base.detokenize(judged.gained(i, 1)) for i in rows[:20]} <= {"As", "sailors"}


def test_the_value_rises_with_what_is_known(played):
    none, one, both = (
        played(*topics, name="-".join(topics) or "none")[0].rounds[0]
        for topics in ((), ("cooking",), ("cooking", "sea"))
    )
    assert none.foreseen == 0.0
    assert none.foreseen < one.foreseen < both.foreseen
    assert both.foreseen > 0.95
    assert none.earned > both.earned


def test_it_ends_when_red_earns_no_more_than_noise(played):
    game, _ = played("cooking", "sea", tokens=10**6)
    assert game.ended == "red earned no more than the noise floor"
    assert [r.earned for r in game.rounds][-PATIENCE:] == [0.0] * PATIENCE
    assert sum(r.scored_tokens for r in game.rounds) < 10**5


def test_it_goes_on_once_a_finding_is_learned(played):
    game, match = played("cooking", tokens=3000)
    over = replace(game, quiet=PATIENCE)
    cooking, sea = by_words(match, "cooking", KITCHEN), by_words(match, "sea", SAILOR)
    assert len(play(match.evidence, [cooking], over, 10**6).rounds) == len(game.rounds)
    on = play(match.evidence, [cooking, sea], over, 10**6)
    assert [r.findings for r in on.rounds][-PATIENCE:] == [2] * PATIENCE
    assert on.rounds[-1].foreseen > 0.99


def test_it_ends_with_its_tokens(played):
    game, match = played("cooking", tokens=6000)
    spent = [r.scored_tokens for r in game.rounds]
    assert game.ended == "its tokens are spent"
    assert 0.8 * 6000 < sum(spent) < 1.1 * 6000
    scored = match.evidence.ledger.cost.scored_tokens
    before = sum(c for s in match.evidence.shifts for c in [len(s.tv)])
    assert sum(spent) < scored.base + scored.candidate - before
    sizes = [r.prompts for r in game.rounds]
    assert PER_ROUND / 2 < min(sizes) <= max(sizes) <= PER_ROUND
    assert max(sizes) < 1.2 * min(sizes)


def test_nothing_is_decoded_past_the_limit(played):
    game, match = played("cooking", max_decoded_tokens=1600)
    assert match.evidence.ledger.cost.decoded_tokens.base <= 1600
    assert game.ended == "its tokens are spent"


def test_a_resumed_game_is_the_same_game_and_scores_nothing(played):
    first, _ = played("cooking", tokens=6000)
    again, match = played("cooking", tokens=6000)
    assert again.rounds == first.rounds
    assert again.prompts == first.prompts
    assert (match.evidence.base.scored, match.evidence.candidate.scored) == (0, 0)


def test_red_never_proposes_what_confirmation_keeps_or_what_is_known(played):
    game, match = played("cooking")
    taken = {p.id for p in (*match.evidence.prompts, *match.evidence.confirmation)}
    ids = [p.id for p in game.prompts]
    assert len(ids) == len(set(ids))
    assert not taken & set(ids)


def test_red_is_paid_beyond_the_noise_floor():
    game = Game(floor=1.0, pool=0, level=np.zeros(2))
    judged = Judged(np.array([0.5, 4.0, 4.0]), np.array([0.0, 0.0, 3.5]), profile([]))
    assert game.pay(judged).tolist() == [0.0, 3.0, 0.0]
    assert game.finds(judged) == [1]
    assert BEST < PER_ROUND
