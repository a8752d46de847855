"""Texts to rates: by the predicate itself, or by the judge where the predicate is a rubric."""

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeVar

from whatchanged.confirm.corrected import Calibrated
from whatchanged.confirm.instruments import Instruments, Pace, Rate
from whatchanged.confirm.labelled import human_difference, human_verdicts
from whatchanged.ledger import Ledger, json_codec
from whatchanged.predicates import Predicate
from whatchanged.records import Cost, Pair, Prompt
from whatchanged.roles.consult import Roles
from whatchanged.roles.judge import Judge, calibrate
from whatchanged.stats import Calibration

T = TypeVar("T")
Stored = list[tuple[float | None, float | None] | None]
RATES = json_codec(Stored)
CALIBRATIONS = json_codec(tuple[Calibration, Calibration] | None)
# The share of alpha that pays for not knowing the judge's error rates on a rubric exactly: with k calibrated rubrics
# the false discovery rate is at most alpha (1 + k DELTA).
DELTA = 0.1


class Answers(NamedTuple):
    """What both models said to one prompt: one text each, or as many as were recorded."""

    prompt: Prompt
    base: Sequence[str]
    candidate: Sequence[str]

    @property
    def identical(self) -> bool:
        """Whether both said the same texts, in any order: no difference, whatever the predicate."""
        return sorted(self.base) == sorted(self.candidate)


def answers(prompt: Prompt, pairs: Sequence[Pair]) -> Answers:
    """The texts of a prompt's pairs."""
    return Answers(prompt, [p.base.text for p in pairs], [p.candidate.text for p in pairs])


@dataclass
class Reader:
    """Reads answers for one campaign. Without a judge a rubric is decided by its own cue words."""

    ledger: Ledger
    roles: Roles
    _equal: dict[tuple[str, str], int] = field(default_factory=dict, init=False, repr=False)
    _missing: set[tuple[str, str]] = field(default_factory=set, init=False, repr=False)

    def judge_of(self, predicate: Predicate) -> Judge | None:
        """The judge, if there is one and the predicate is a rubric."""
        return self.roles.judge if predicate.family == "judged" else None

    def rates(self, predicate: Predicate, read: Sequence[Answers], step: str) -> list[Rate | None]:
        """One rate an entry, the mean over its texts; None where the judge gave no verdict."""
        judge = self.judge_of(predicate)
        if judge is None:
            return [_executed(predicate, a) for a in read]
        rubric = predicate.spec.args["rubric"]
        stored: Stored = self.ledger.once(f"confirm/{step}-judged", RATES, lambda: _judged(judge, rubric, read))
        self._count(rubric, read, stored)
        known = human_verdicts(self.roles.labels, rubric)
        return [
            None if rate is None else Rate(*rate, human_difference(a.prompt, a.base, a.candidate, known))
            for a, rate in zip(read, stored, strict=True)
        ]

    def _count(self, rubric: str, read: Sequence[Answers], stored: Stored) -> None:
        """Each prompt once for a rubric, however many hypotheses it serves: they share the judge's verdicts."""
        for a, rate in zip(read, stored, strict=True):
            if a.identical:
                self._equal[rubric, a.prompt.id] = len(a.base) + len(a.candidate)
            elif rate is None:
                self._missing.add((rubric, a.prompt.id))
        saved, missing = sum(self._equal.values()), len(self._missing)
        self.roles.did["judge"] = [f"{saved} calls avoided by equal answers, {missing} prompts without a verdict"]

    def calibrated(self, predicate: Predicate) -> Calibrated | None:
        """The judge's errors on this rubric; None without labels of both kinds for both models."""
        judge = self.judge_of(predicate)
        if judge is None or not self.roles.labels:
            return None
        rubric = predicate.spec.args["rubric"]
        # Labels of answers that the test reads may calibrate too. The correction is a union bound: the box misses the
        # true error rates with probability delta, the wealth at the true rates is an e-process, and where the box
        # does not miss, the bet is at most that wealth. None of the three asks that labels and verdicts be
        # independent, only that the labelled answers are drawn like the others, as those are that the test reads.
        # What is not independent is the labelled estimate of a finding beside its corrected interval: each holds at
        # its level, nothing is made of both.
        found = self.ledger.once(
            f"confirm/calibration-{hashlib.sha256(rubric.encode()).hexdigest()[:12]}",
            CALIBRATIONS,
            lambda: _counted(judge, lambda: calibrate(judge, self.roles.labels, rubric)),
        )
        return (
            None
            if found is None
            else Calibrated(base=found[0], candidate=found[1], delta=DELTA * self.ledger.config.alpha)
        )

    def judged_by(self, predicate: Predicate) -> str | None:
        """The judge's name, and whether its verdicts are corrected."""
        judge = self.judge_of(predicate)
        if judge is None:
            return "its cue words, for want of a judge" if predicate.family == "judged" else None
        known = self.calibrated(predicate)
        if known is None:
            return f"{judge.model.name} (not calibrated: rates are its verdicts)"
        shown = ", ".join(
            f"{side} {c.sensitivity:.2f}/{c.specificity:.2f}"
            for side, c in (("base", known.base), ("candidate", known.candidate))
        )
        return f"{judge.model.name} (sensitivity/specificity {shown}; bounds corrected)"


class ReadingInstruments(Instruments):
    """Instruments whose answers are read: by predicates, or by the judge for rubrics."""

    ledger: Ledger
    roles: Roles

    @cached_property
    def reader(self) -> Reader:
        """One for the whole campaign: it counts."""
        return Reader(self.ledger, self.roles)

    def judged_by(self, predicate: Predicate) -> str | None:
        return self.reader.judged_by(predicate)

    def calibrated(self, predicate: Predicate) -> Calibrated | None:
        return self.reader.calibrated(predicate)


class SamplingInstruments(ReadingInstruments):
    """Those that draw answers, within the campaign's own limit and --max-decoded-tokens. All hypotheses share them."""

    def __post_init__(self) -> None:
        self._spent_before = decoded(self.ledger)
        # By prompt and draw; None where a model gave no answer.
        self.pairs: dict[tuple[str, int], Pair | None] = {}

    @abstractmethod
    def draw(self, prompts: Sequence[Prompt], stage: str, draw: int) -> Sequence[Pair | None]:
        """A pair a prompt, in order; None where an answer is missing. Another `draw` is another pair."""

    def sampled(self, predicate: Predicate, prompts: Sequence[Prompt], step: str, draws: int = 1) -> list[Rate | None]:
        """From `draws` pairs a prompt; pairs that are there are not drawn again."""
        drawn = [self._drawn(prompts, step, draw) for draw in range(draws)]
        # Of several pairs those that came are a prompt's mean, as with one a prompt those prompts are the region's.
        found = [[pair for pair in pairs if pair is not None] for pairs in zip(*drawn, strict=True)]
        read = [answers(p, pairs) for p, pairs in zip(prompts, found, strict=True) if pairs]
        rates = iter(self.reader.rates(predicate, read, step))
        return [next(rates) if pairs else None for pairs in found]

    def pairs_of(self, prompts: Sequence[Prompt], step: str) -> list[Pair]:
        return [pair for pair in self._drawn(prompts, step, 0) if pair is not None]

    def _drawn(self, prompts: Sequence[Prompt], step: str, draw: int) -> list[Pair | None]:
        missing = [p for p in prompts if (p.id, draw) not in self.pairs]
        if missing:
            # The ledger keeps those after a look's first under names of their own.
            drawn = self.draw(missing, f"confirm/{step}" + (f"-draw-{draw}" if draw else ""), draw)
            self.pairs |= {(p.id, draw): pair for p, pair in zip(missing, drawn, strict=True)}
        return [self.pairs[p.id, draw] for p in prompts]

    def answered(self, pace: Pace, predicate: Predicate, prompts: int) -> Pace:
        """`pace` over so many prompts; where a judge reads the answers each prompt has one, for each has its price."""
        return pace if self.reader.judge_of(predicate) else pace.over(prompts)

    def may_sample(self, share: float = 1.0, pairs: int = 0) -> bool:
        spent = decoded(self.ledger) - self._spent_before
        most = min(self.ledger.config.limits.confirm_tokens, self.ledger.tokens_left() + spent)
        return max(self.ledger.pair_batch, self.ledger.pair_tokens(pairs)) <= share * most - spent


def decoded(ledger: Ledger) -> int:
    """Tokens decoded so far, both models."""
    tokens = ledger.cost.decoded_tokens
    return tokens.base + tokens.candidate


def _counted(judge: Judge, work: Callable[[], T]) -> tuple[T, Cost]:
    """What `work` returns, and what it made the judge cost."""
    before = judge.usage
    value = work()
    return value, Cost(judge_calls=judge.usage.judge_calls - before.judge_calls, usd=judge.usage.usd - before.usd)


def _judged(judge: Judge, rubric: str, read: Sequence[Answers]) -> tuple[Stored, Cost]:
    texts = [(a.prompt, text) for a in read if not a.identical for text in (*a.base, *a.candidate)]
    verdicts, cost = _counted(judge, lambda: judge.verdicts(rubric, texts))
    given = iter(verdicts)
    rates: Stored = []
    for a in read:
        if a.identical:
            rates.append((None, None))
            continue
        base, candidate = _mean([next(given) for _ in a.base]), _mean([next(given) for _ in a.candidate])
        rates.append(None if base is None or candidate is None else (base, candidate))
    return rates, cost


def _executed(predicate: Predicate, a: Answers) -> Rate:
    base = _mean([predicate.score(text, a.prompt) for text in a.base])
    # An identical pair is no difference, whatever the predicate: it need not be looked at twice.
    return Rate(base, base if a.identical else _mean([predicate.score(text, a.prompt) for text in a.candidate]))


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean; None when any is missing: the half that is there would be a biased sample of the answers."""
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if values and len(known) == len(values) else None
