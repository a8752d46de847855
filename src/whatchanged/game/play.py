"""The game: rounds in which red proposes, blue predicts, and the screen scores.

Red is paid for the shift that blue did not foresee, blue by the share that it did. A find keeps paying red until a
finding speaks of it: then the value, blue's share of what red's best prompts show, rises.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray

from whatchanged.elicit import draw_responses
from whatchanged.game.blue import Blue, Judged, beyond
from whatchanged.game.profile import profile
from whatchanged.game.red import Move, move
from whatchanged.ledger import Ledger, json_codec
from whatchanged.records import Cost, Finding, Prompt, Response, Shift
from whatchanged.report.model import GameRound
from whatchanged.screen import scan
from whatchanged.search import Evidence
from whatchanged.search.reward import drift_levels, masses

MOVE, PAYOFF = json_codec(Move), json_codec(GameRound)
# Prompts a round, at most, and the fewest that make one.
PER_ROUND, FEWEST = 96, 8
# Red's best prompts of a round, by which both sides are paid.
BEST = 16
# So many rounds in a row that earn red nothing end the game: another finder may have its turn in between.
PATIENCE = 2
# Finders draw their random numbers by round: these are beyond those of the search.
FIRST = 1000


@dataclass(frozen=True)
class Game:
    """What was played so far: rounds, and red's screened prompts as aligned lists. `floor` in nats a prompt.

    The first `pool` prompts of the evidence that it is played on are the pool's, and `level` is their drift. `quiet`
    is how many rounds in a row have earned red nothing since blue last learned a finding.
    """

    floor: float
    pool: int
    level: NDArray[np.float64]
    rounds: tuple[GameRound, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    responses: tuple[Response, ...] = ()
    shifts: tuple[Shift, ...] = ()
    quiet: int = 0
    ended: str = ""

    @classmethod
    def new(cls, noise: Sequence[Shift], pool: Sequence[Shift]) -> Self:
        """Nothing played; the noise floor is the most that any prompt shows of the base against itself."""
        level, seen = drift_levels(pool, masses(pool)), profile(noise)
        return cls(float(np.bincount(seen.row, beyond(seen.key, seen.value, level, {}), 1).max()), len(pool), level)

    def known(self, evidence: Evidence) -> Evidence:
        """The evidence with what red brought out, as the next round finds it."""
        return replace(
            evidence,
            prompts=[*evidence.prompts, *self.prompts],
            responses=[*evidence.responses, *self.responses],
            shifts=[*evidence.shifts, *self.shifts],
            round=FIRST + len(self.rounds),
        )

    def blue(self, evidence: Evidence, findings: Sequence[Finding]) -> Blue:
        """The findings as they show in discovery and in the rounds so far."""
        return Blue.fit(findings, self.known(evidence), self.pool, self.level)

    def pay(self, judged: Judged) -> NDArray[np.float64]:
        """float64[prompts], nats: what blue did not foresee, beyond the noise floor."""
        paid: NDArray[np.float64] = np.maximum(judged.unforeseen - self.floor, 0.0)
        return paid

    def finds(self, judged: Judged) -> list[int]:
        """Rows of red's prompts of whose shift blue foresaw less than half, the best paid first."""
        paid = self.pay(judged)
        return [int(i) for i in np.argsort(-paid, kind="stable") if paid[i] > judged.foreseen[i]]


def play(evidence: Evidence, findings: Sequence[Finding], game: Game, tokens: int) -> Game:
    """Go on with `game` until red earns nothing, or both models have scored some `tokens` more.

    `evidence` is discovery's alone, with the leads that the findings name. Blue predicts from the confirmed findings,
    as they show in discovery and in earlier rounds. Steps are `game/01` and so on in the ledger: a resumed game is
    the same game.
    """
    ledger, learned = evidence.ledger, sum(f.status == "confirmed" for f in findings)
    if game.rounds and learned > game.rounds[-1].findings:
        game = replace(game, quiet=0)
    until = _scored(ledger) + tokens
    while not (ended := _ended(ledger, game)):
        known = game.known(evidence)
        left = min((until - _scored(ledger)) // evidence.price, ledger.affordable())
        # Rounds of one size: in a short last one red's best prompts are no better than its others.
        count = left // math.ceil(left / PER_ROUND) if left > 0 else 0
        if count < FEWEST:
            ended = "its tokens are spent"
            break
        blue = game.blue(evidence, findings)
        after = _round(known, blue, learned, game, count)
        if after is None:
            ended = "red had nothing new to propose"
            break
        game = after
    return replace(game, ended=ended)


def _round(known: Evidence, blue: Blue, learned: int, game: Game, count: int) -> Game | None:
    """The game with one round more; None where red has no prompt left to propose."""
    ledger, before, number = known.ledger, _scored(known.ledger), len(game.rounds)
    stage = f"game/{number + 1:02d}"
    shown = blue.judge(known.prompts, known.shifts)
    # Where all is foreseen, red edits what shows the most.
    worst = shown.unforeseen if shown.unforeseen.any() else shown.mass
    red: Move = ledger.once(f"{stage}/prompts", MOVE, partial(move, known, game.pool, worst, count, number))
    if not red.prompts:
        return None
    responses = draw_responses(ledger, known.base, red.prompts, ledger.config.limits.response_tokens, stage)
    shifts = scan(ledger, known.base, known.candidate, red.prompts, responses, stage)
    judged = blue.judge(red.prompts, shifts)
    paid = game.pay(judged)
    earned = _best(paid, paid)
    mass, foreseen = (_best(judged.foreseen + paid, of) for of in (judged.foreseen + paid, judged.foreseen))
    payoff = GameRound(
        prompts=len(red.prompts),
        finder=red.finder,
        findings=learned,
        scored_tokens=_scored(ledger) - before,
        earned=round(earned, 6),
        mass=round(mass, 6),
        foreseen=round(foreseen / mass, 6) if mass > 0 else None,
    )
    payoff = ledger.once(f"{stage}/payoff", PAYOFF, lambda: (payoff, Cost()))
    return replace(
        game,
        rounds=(*game.rounds, payoff),
        prompts=(*game.prompts, *red.prompts),
        responses=(*game.responses, *responses),
        shifts=(*game.shifts, *shifts),
        quiet=0 if earned > 0 else game.quiet + 1,
    )


def _best(by: NDArray[np.float64], of: NDArray[np.float64]) -> float:
    """Mean of `of` over red's best prompts by `by`."""
    return float(of[np.argsort(-by, kind="stable")[:BEST]].mean())


def _ended(ledger: Ledger, game: Game) -> str:
    if game.quiet >= PATIENCE:
        return "red earned no more than the noise floor"
    return f"--max-minutes {ledger.config.max_minutes:g}" if ledger.out_of_time() else ""


def _scored(ledger: Ledger) -> int:
    scored = ledger.cost.scored_tokens
    return scored.base + scored.candidate
