"""The game of one audit: half of it against the findings of a first round, half against all findings."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from whatchanged.describe import Discovery
from whatchanged.game.blue import Judged
from whatchanged.game.claims import claims
from whatchanged.game.play import Game, play
from whatchanged.records import Finding, Hypothesis, Lead, Shift
from whatchanged.report.model import GameFind, GameView
from whatchanged.search import Evidence

# Hypotheses of red's prompts, at most.
CLAIMS = 8
# Red's prompts that the report shows, and tokens of each.
SHOWN, TOKENS = 8, 4


@dataclass
class Match:
    """`claims` in the middle of the audit, `view` at its end.

    The first `pool` prompts of the evidence are the pool's. `leads` and `proposed` are what red's prompts gave.
    """

    evidence: Evidence
    pool: int
    noise: Sequence[Shift]
    leads: list[Lead] = field(default_factory=list)
    proposed: list[str] = field(default_factory=list)
    game: Game = field(init=False)

    def __post_init__(self) -> None:
        self.game = Game.new(self.noise, self.evidence.shifts[: self.pool])

    def claims(self, found: Discovery, findings: Sequence[Finding]) -> list[Hypothesis]:
        """At most 8 hypotheses about what red finds against these findings, on half of the game's tokens."""
        self._play(findings, self._tokens // 2)
        offset = len(self.evidence.prompts)
        rows = [offset + i for i in self.game.finds(self._judged(findings))]
        new, leads = claims(found, self.game.known(self.evidence), rows, findings, CLAIMS)
        self.leads += leads
        self.proposed += [h.id for h in new]
        return new

    def view(self, findings: Sequence[Finding]) -> GameView:
        """Play on against all findings with the tokens that are left, and say how it went."""
        self._play(findings, self._tokens - sum(r.scored_tokens for r in self.game.rounds))
        rounds = self.game.rounds
        return GameView(
            value=rounds[-1].foreseen if rounds else None,
            rounds=rounds,
            floor=round(self.game.floor, 6),
            ended=self.game.ended,
            proposed=tuple(self.proposed),
            finds=self._finds(findings),
        )

    @property
    def _tokens(self) -> int:
        return self.evidence.ledger.config.limits.game_tokens

    @property
    def _evidence(self) -> Evidence:
        """With the leads of red's own claims, which findings may name by now."""
        return replace(self.evidence, leads=[*self.evidence.leads, *self.leads])

    def _play(self, findings: Sequence[Finding], tokens: int) -> None:
        self.game = play(self._evidence, findings, self.game, tokens)

    def _judged(self, findings: Sequence[Finding]) -> Judged:
        """Red's prompts, had blue known all that is known now."""
        return self.game.blue(self._evidence, findings).judge(self.game.prompts, self.game.shifts)

    def _finds(self, findings: Sequence[Finding]) -> tuple[GameFind, ...]:
        judged, base = self._judged(findings), self.evidence.base
        paid = self.game.pay(judged)
        return tuple(
            GameFind(
                prompt=self.game.prompts[i].text,
                source=self.game.prompts[i].source,
                gained=tuple(base.detokenize([token]) for token in judged.gained(i, TOKENS)),
                unforeseen=round(float(paid[i]), 6),
            )
            for i in self.game.finds(judged)[:SHOWN]
        )
