"""The game in the report: the plot is of its numbers, the sentences are true, prompts and tokens stay text."""

import pytest
from page import Page, assert_inert
from shown import printed

from whatchanged.report import GameFind, GameRound, GameView, render_html
from whatchanged.report.rounds import BOTTOM, MOST_ROUNDS, TOP, game_found, game_sentence, rounds_plot

HOSTILE = "<script>document.title='owned'</script>\x1b[31m"


def played(**changes):
    values = {"prompts": 96, "finder": "strata", "findings": 1, "scored_tokens": 20_000, "earned": 4.0, "mass": 8.0,
              "foreseen": 0.25}  # fmt: skip
    return GameRound.model_validate(values | changes)


def game(*rounds, **changes):
    find = GameFind(prompt=f"Where is the boat? {HOSTILE}", source=HOSTILE, gained=(" As", HOSTILE), unforeseen=3.5)
    values = {"value": 0.9, "rounds": rounds, "floor": 0.1, "ended": "its tokens are spent", "finds": (find,)}
    return GameView.model_validate(values | changes)


TWO = game(played(), played(findings=2, earned=1.0, foreseen=0.9), proposed=("g01", "g02"))


def test_bars_are_what_red_earned_and_dots_what_was_foreseen():
    plot = rounds_plot(TWO)
    first, second = plot.bars
    assert (first.y, first.height, second.height) == (TOP, BOTTOM - TOP, pytest.approx((BOTTOM - TOP) / 4, abs=0.1))
    assert first.share == pytest.approx(BOTTOM - 0.25 * (BOTTOM - TOP), abs=0.1)
    assert second.share == pytest.approx(BOTTOM - 0.9 * (BOTTOM - TOP), abs=0.1)
    assert plot.pieces == [(first, second)]
    assert plot.most == 4.0
    assert "round 2: 90% foreseen, red earned 1.000 nats a prompt; 96 prompts by strata and edits" in second.title


def test_rounds_without_a_shift_have_no_share_and_no_height():
    plot = rounds_plot(game(played(earned=0.0, mass=0.0, foreseen=None)))
    assert [(bar.height, bar.share) for bar in plot.bars] == [(0.0, None)]
    assert rounds_plot(game()) is None
    many = rounds_plot(game(*[played()] * 60)).bars
    assert [bar.number for bar in many] == list(range(61 - MOST_ROUNDS, 61))


def test_sentences():
    assert game_sentence(TWO) == (
        "In the last round the findings foresaw 90% of what red's best prompts showed, in the first 25%. It ended "
        "after 2 rounds and 40,000 scored tokens because its tokens are spent."
    )
    assert "showed nothing beyond drift and noise" in game_sentence(game(played(foreseen=None)))
    assert game_sentence(game(ended="red had nothing new to propose")).startswith("No round was played: red had")


def test_the_page_and_the_terminal_tell_the_game_and_run_nothing(report):
    confirmed = report.confirmed[0].model_copy(update={"id": "g01"})
    shown = report.model_copy(update={"game": TWO, "findings": (*report.findings, confirmed)})
    assert game_found(shown) == "What red found gave 2 hypotheses, of which 1 was confirmed."
    page = render_html(shown)
    assert_inert(page)
    text = Page(page[page.index('id="game"') :]).text
    for part in (game_sentence(TWO), game_found(shown), "Where is the boat?", "3.500 nats"):
        assert part in text
    said = printed(shown)
    assert "the findings foresaw 90%" in said
    assert "Unforeseen: Where is the boat?" in said
    assert "\x1b[31m" not in said


def test_a_report_without_a_game_says_nothing_of_one(report):
    assert 'id="game"' not in render_html(report)
    assert "game" not in printed(report).lower()
