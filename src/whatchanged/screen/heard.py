"""What was heard of two models of which only answers are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from whatchanged.records import Lead, Pair, Prompt
from whatchanged.report.model import Gate
from whatchanged.screen.gate import answers_gate

UNSEEN = "the models' weights and next-token distributions: this access level does not show them"


@dataclass(frozen=True)
class Heard:
    """Answers to discovery prompts. `pairs` may hold several of one prompt: together they are one unit.

    The first `control` paired prompts are a random sample. `limits` say what could not be looked at at this access,
    `cut` which limit kept discovery from asking all that it wanted, `unseen` which part of the models was not opened.
    """

    access: str
    prompts: Sequence[Prompt]
    confirmation: Sequence[Prompt]
    pairs: Sequence[Pair]
    control: int
    seed: int
    leads: Sequence[Lead] = ()
    first_gates: Sequence[Gate] = ()
    cut: str | None = None
    warnings: Sequence[str] = ()
    limits: Sequence[str] = ()
    unseen: str = UNSEEN

    @cached_property
    def by_id(self) -> dict[str, Prompt]:
        """Discovery prompts by id."""
        return {p.id: p for p in self.prompts}

    @property
    def evidence(self) -> tuple[str, str]:
        """What the weights show, and the two-sample tests, in words: for whoever reads the evidence."""
        return "", "; ".join(f"{gate.test}: p = {gate.p_value:.3g}" for gate in self.gates)

    @cached_property
    def gates(self) -> tuple[Gate, ...]:
        """All two-sample tests: those of first tokens, and one of the whole answers to the random sample."""
        random = set(list(dict.fromkeys(p.prompt_id for p in self.pairs))[: self.control])
        return (*self.first_gates, *answers_gate([p for p in self.pairs if p.prompt_id in random], self.seed))
