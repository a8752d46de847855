"""The game in words and as a plot: its value and what red earned, round by round."""

from itertools import pairwise
from typing import NamedTuple

from whatchanged.report.model import GameRound, GameView, Report
from whatchanged.report.numbers import percent, plural, rate

# Pixels of the plot's height; above is the axes' names, below are the rounds' numbers.
TOP, BOTTOM = 22.0, 132.0
# Per cent of the width.
_LEFT, _RIGHT = 8.0, 92.0
MOST_ROUNDS = 40


class Bar(NamedTuple):
    """One round: `x` of its middle and `width` in per cent; pixels of what red earned, and of blue's share (None where
    there was nothing to foresee)."""

    x: float
    width: float
    y: float
    height: float
    share: float | None
    number: int
    title: str


class RoundsPlot(NamedTuple):
    """The last 40 rounds; `most` is the nats that a full bar stands for."""

    bars: list[Bar]
    most: float

    @property
    def pieces(self) -> list[tuple[Bar, Bar]]:
        """Neighbours that both have a share."""
        shown = [bar for bar in self.bars if bar.share is not None]
        return list(pairwise(shown))


def rounds_plot(game: GameView) -> RoundsPlot | None:
    """None where no round was played."""
    numbered = list(enumerate(game.rounds, 1))[-MOST_ROUNDS:]
    if not numbered:
        return None
    most = max(r.earned for _, r in numbered)
    step = (_RIGHT - _LEFT) / len(numbered)

    def down(share: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * min(max(share, 0.0), 1.0), 1)

    bars = []
    for place, (number, played) in enumerate(numbered):
        y = down(played.earned / most) if most > 0 else BOTTOM
        share = None if played.foreseen is None else down(played.foreseen)
        x, height = round(_LEFT + (place + 0.5) * step, 2), round(BOTTOM - y, 1)
        bars.append(Bar(x, round(0.5 * step, 2), y, height, share, number, _title(number, played)))
    return RoundsPlot(bars, most)


def game_sentence(game: GameView) -> str:
    """The value of the game, how it came about, and what ended it."""
    if not game.rounds:
        return f"No round was played: {game.ended}."
    spent = sum(r.scored_tokens for r in game.rounds)
    first, last = game.rounds[0], game.rounds[-1]
    if last.foreseen is None:
        value = "In the last round red's prompts showed nothing beyond drift and noise"
    else:
        value = f"In the last round the findings foresaw {percent(last.foreseen)} of what red's best prompts showed"
        if len(game.rounds) > 1 and first.foreseen is not None:
            value += f", in the first {percent(first.foreseen)}"
    return (
        f"{value}. It ended after {plural(len(game.rounds), 'round')} and {spent:,} scored tokens because {game.ended}."
    )


def game_found(report: Report) -> str:
    """What became of red's finds; nothing where it had none to propose."""
    if report.game is None or not report.game.proposed:
        return ""
    proposed = plural(len(report.game.proposed), "hypothesis", "hypotheses")
    confirmed = sum(f.id in report.game.proposed for f in report.confirmed)
    return f"What red found gave {proposed}, of which {confirmed} {'was' if confirmed == 1 else 'were'} confirmed."


def _title(number: int, played: GameRound) -> str:
    foreseen = "nothing to foresee" if played.foreseen is None else f"{percent(played.foreseen)} foreseen"
    by = f"{played.finder} and edits" if played.finder else "edits"
    return (
        f"round {number}: {foreseen}, red earned {rate(played.earned)} nats a prompt; "
        f"{plural(played.prompts, 'prompt')} by {by} against {plural(played.findings, 'finding')}"
    )
