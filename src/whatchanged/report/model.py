"""report.json as types: what every view is made from, and what the JSON Schema is made from."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from whatchanged.records import Cost, Finding, Lead, Record

if TYPE_CHECKING:
    import pandas as pd

Verdict = Literal["changed", "no_change_found", "inconclusive"]
WeightsClaim = Literal["identical", "differ", "not_looked_at"]
SCHEMA_VERSION = 1


class Claims(Record):
    """Three separate claims; a benign tune makes the first two true and the third false."""

    weights: WeightsClaim
    beyond_noise_floor: bool
    behaviours: int = Field(description="Number of confirmed findings.")


class Divergence(Record):
    """The screen in numbers: means over prompts, against the same model scored twice."""

    mean_tv: float
    mean_kl: float
    p_change: float = Field(description="Mean probability that a response differs under coupling.")
    noise_tv: float = Field(description="The same for the base against itself in other batch shapes.")
    noise_p_change: float
    differing_pairs: float | None = Field(None, description="Measured share of control pairs that differ.")
    control_pairs: int = 0


class CoverageRow(Record):
    """One category of the pool: how much was looked at, and what would have been seen."""

    category: str
    discovery_prompts: int
    confirmation_prompts: int
    p_change: float
    p_change_upper: float = Field(description="95% upper bound of the share of prompts with P(change) > 0.5.")
    smallest_effect: float | None = Field(description="Effect found here with 80% power; None: none would be.")


class Unexplained(Record):
    """A strongly shifted context that no finding accounts for."""

    prompt: str
    response_so_far: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    kl: float


class MapPoint(Record):
    """A discovery prompt on the map of the pool: category, mean divergence and its leading lead."""

    prompt: str
    category: str
    kl: float
    p_change: float
    lead: str | None


class CostReport(Cost):
    """Cost, with what depends on the machine."""

    seconds: dict[str, float] = Field(default_factory=dict, description="Seconds per stage.")
    peak_memory: int = Field(0, description="Peak resident memory, bytes.")


class Report(Record):
    """The whole result of an audit, as written to report.json."""

    schema_version: int = SCHEMA_VERSION
    verdict: Verdict
    summary: str
    base: str
    candidate: str
    claims: Claims
    divergence: Divergence
    findings: tuple[Finding, ...] = ()
    leads: tuple[Lead, ...] = ()
    explained_share: float
    unexplained: tuple[Unexplained, ...] = ()
    coverage: tuple[CoverageRow, ...] = ()
    unchanged_bound: float = Field(
        description="95% upper bound of the share of pool prompts outside all findings with P(change) > 0.5."
    )
    not_looked_at: tuple[str, ...] = ()
    points: tuple[MapPoint, ...] = ()
    warnings: tuple[str, ...] = ()
    cost: CostReport
    config: dict[str, Any]
    versions: dict[str, str]
    seed: int

    @property
    def confirmed(self) -> tuple[Finding, ...]:
        """The findings that the evidence establishes, largest effect first."""
        found = (f for f in self.findings if f.status == "confirmed")
        return tuple(sorted(found, key=lambda f: -abs(f.effect)))

    def to_frame(self) -> "pd.DataFrame":
        """Findings as one row each. Raises MissingExtra without pandas."""
        from whatchanged.report.frame import findings_frame

        return findings_frame(self)


class ScreenReport(Record):
    """What forward passes alone show: leads and where the models differ, nothing confirmed."""

    base: str
    candidate: str
    divergence: Divergence
    leads: tuple[Lead, ...]
    coverage: tuple[CoverageRow, ...]
    cost: CostReport
    seed: int


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of report.json."""
    return Report.model_json_schema(mode="serialization")
