"""What a bench leaves: rows of audits, of planted behaviours and of confirmed findings, and what they add up to."""

from typing import Literal

from pydantic import Field

from whatchanged.config import BudgetName
from whatchanged.records import Direction, Intent, Record

Source = Literal["pool", "finder", "base"]
# 'change': behaviour changes, and no truth says how: nothing to recall, and silence is no success.
Kind = Literal["plant", "null", "change"]


class Setting(Record):
    """One way of looking: a method at a budget, with so many texts a model if it draws a fixed number.

    Where it draws as it needs there may be a limit on what it decodes.
    """

    method: str
    budget: BudgetName = "small"
    texts: int | None = None
    max_decoded_tokens: int | None = None

    @property
    def name(self) -> str:
        """Fit for a file's name, and the same for no two settings."""
        texts = [] if self.texts is None else [str(self.texts)]
        limit = [] if self.max_decoded_tokens is None else [f"max{self.max_decoded_tokens}"]
        return "-".join([self.method, self.budget, *texts, *limit])


class Row(Setting):
    """Of one audit."""

    organism: str
    seed: int


class AuditRow(Row):
    """One audit: what was planted, found and confirmed, and what it cost.

    `decoded_tokens` are those of both models had nothing been shared: `reused_tokens` of them are base responses that
    another audit had drawn. `seconds` are as measured, so they leave out what was reused.
    """

    kind: Kind
    base: str
    candidate: str
    verdict: str
    planted: int = Field(0, description="Planted behaviours.")
    found: int = 0
    confirmed: int = Field(0, description="Confirmed findings.")
    measured: int = Field(0, description="Of these, measured again on fresh prompts.")
    true: int = Field(0, description="Of these, with an effect past the margin.")
    coverable: int = Field(0, description="Measured again on prompts of the kind that the test used.")
    covered: int = Field(0, description="Of these, inside the finding's interval.")
    named: int = Field(0, description="Findings that are a planted behaviour, where some change was wanted.")
    named_rightly: int = Field(0, description="Of these, called what they are: intended or side effect.")
    beyond: float | None = Field(
        None,
        description="Of methods that push the models apart: the most divergence that they reached, in multiples of the "
        "pool's 99th percentile.",
    )
    scored_tokens: int = 0
    decoded_tokens: int = 0
    reused_tokens: int = 0
    judge_calls: int = 0
    calls: int = 0
    seconds: float = 0.0
    refused: str = Field("", description="Why the method could not run at all; then it counts as no audit.")


class BehaviourRow(Row):
    """One planted behaviour in one audit. The agreement is that of the finding that comes closest."""

    behaviour: str
    intended: bool
    rise: float = Field(description="Its measured rate on target, candidate minus base.")
    occurrences: int | None = Field(
        description="Held-out responses that show it: with none nothing agrees. None: no finding, none were drawn."
    )
    found: bool
    phi: float
    precision: float
    coverage: float


class FindingRow(Row):
    """One confirmed finding: whether it is the plant, and what it came to when it was measured again."""

    finding: str
    sentence: str
    region: str = Field(description="JSON.")
    predicate: str = Field(description="JSON.")
    direction: Direction
    margin: float
    effect: float
    ci_low: float
    ci_high: float
    confidence: float
    scored: bool
    finder: str | None
    behaviour: str | None = Field(description="The planted behaviour that it is.")
    phi: float
    precision: float
    coverage: float
    remeasured: float | None
    standard_error: float | None
    prompts: int = Field(description="Fresh prompts of the second measurement.")
    samples: int = Field(description="Fresh responses a model; 0 where forward passes gave exact rates.")
    source: Source | None = Field(description="Where those prompts came from.")
    true: bool | None = Field(description="Whether that effect is past the margin.")
    covered: bool | None = Field(description="Whether it lies in the interval, give or take its standard error.")
    intent: Intent
    intent_planted: Intent | None = Field(description="What it should be called, where a change was wanted.")


class FinderCounts(Record):
    """What calls of a finder cost, and what came of its prompts. They add up."""

    calls: int
    prompts: int
    tokens: int = Field(description="Scored by both models, screening included.")
    mass: float = Field(description="Signed shift that no prompt before had shown, beyond drift, in nats.")
    confirmed: int = Field(description="Confirmed findings that its prompts showed.")
    true: int = Field(description="Of these, with an effect past the margin when measured again.")
    found: int = Field(description="Planted behaviours that are such a finding.")


class FinderRow(FinderCounts, Row):
    """One finder in one audit."""

    finder: str


class FinderTotal(FinderCounts, Setting):
    """One finder over all audits of a setting in which it was asked. Sums."""

    finder: str
    audits: int


class MethodRow(Setting):
    """One setting over all its audits. Counts, so that nobody takes 2 of 2 for 100%; costs are means an audit."""

    audits: int
    refused: int
    planted: int
    found: int
    strong: int = Field(description="Planted behaviours whose rate on target moves by 30 points or more.")
    strong_found: int
    confirmed: int
    measured: int
    true: int
    fdr: float | None = Field(description="Mean over audits of the share of measured findings that are not true.")
    nulls: int
    nulls_silent: int = Field(description="Null audits without a finding.")
    nulls_confirmed: int
    nulls_false: int = Field(description="Findings on nulls whose effect, measured again, is not past the margin.")
    plants: int
    plants_silent: int = Field(description="Audits of plants without a finding: misses.")
    coverable: int
    covered: int
    named: int
    named_rightly: int
    probed: int = Field(description="Audits by amplified texts or soft prompts.")
    probed_beyond: int = Field(description="Of these, in which one diverges more than 99% of the pool.")
    scored_tokens: float
    decoded_tokens: float
    judge_calls: float
    seconds: float


class EqualRecall(Setting):
    """What a method costs beside the reference, on the organisms and seeds that both were run on.

    `reference` is the cheapest of the reference's settings that find the most. Of the method's settings this is the
    cheapest that finds as much. Where none does, `reached` is False, this is the dearest, `recall` is the best of all,
    and the ratios are lower bounds: as much costs more.
    """

    reference: str
    organisms: tuple[str, ...]
    recall: float
    reference_recall: float
    reached: bool
    decoded_tokens: float
    reference_decoded_tokens: float
    decoded_ratio: float | None = Field(description="None where the reference decoded nothing.")
    seconds_ratio: float | None


class Extrapolated(Setting):
    """The cost of a method at a number of texts that was not run, in proportion to the largest that was."""

    measured_texts: int
    decoded_tokens: float
    judge_calls: float
    seconds: float


class Point(Record):
    """A point of the curve: recall of one setting on the organisms and seeds that all settings were run on."""

    setting: Setting
    recall: float
    decoded_tokens: float
    scored_tokens: float
    seconds: float


class Machine(Record):
    """On what it ran."""

    cpu: str
    cores: int
    memory_bytes: int
    python: str
    torch: str | None


class BenchResult(Record):
    """The whole result, as written to summary.json; the four kinds of rows are in Parquet files beside it."""

    whatchanged: str
    commit: str
    command: str
    machine: Machine
    remeasure: int = Field(description="Responses a model for each second measurement.")
    missing: tuple[str, ...] = Field((), description="Organisms left out, each with the reason.")
    methods: tuple[MethodRow, ...]
    equal_recall: tuple[EqualRecall, ...]
    extrapolated: tuple[Extrapolated, ...]
    curve: tuple[Point, ...]
    finder_totals: tuple[FinderTotal, ...] = ()
    audits: tuple[AuditRow, ...] = Field(exclude=True)
    behaviours: tuple[BehaviourRow, ...] = Field(exclude=True)
    findings: tuple[FindingRow, ...] = Field(exclude=True)
    finders: tuple[FinderRow, ...] = Field((), exclude=True)
