"""Red looks for shifts that the findings do not predict; the share that they did is what is known of the change."""

from whatchanged.game.blue import Blue, Judged
from whatchanged.game.match import CLAIMS, Match
from whatchanged.game.play import Game, play

__all__ = ["CLAIMS", "Blue", "Game", "Judged", "Match", "play"]
