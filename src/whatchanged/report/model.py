"""report.json as types: what every view is made from, and what the JSON Schema is made from."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from whatchanged.records import Cost, Finding, GraftCurve, Lead, Record
from whatchanged.report.probes import AmplifiedView, SoftPromptsView

if TYPE_CHECKING:
    import pandas as pd

Verdict = Literal["changed", "no_change_found", "inconclusive"]
WeightsClaim = Literal["identical", "differ", "not_looked_at"]
SCHEMA_VERSION = 1


class Claims(Record):
    """Three separate claims; a benign tune makes the first two true and the third false."""

    weights: WeightsClaim
    beyond_noise_floor: bool | None = Field(description="None: not looked at.")
    behaviours: int = Field(description="Number of confirmed findings.")


class Divergence(Record):
    """The screen in numbers: means over prompts, against the same model scored twice."""

    mean_tv: float
    mean_kl: float
    p_change: float | None = Field(
        description="Mean probability that a response differs under coupling; None where no response was drawn."
    )
    noise_tv: float = Field(description="The same for the base against itself in other batch shapes.")
    noise_p_change: float | None
    differing_pairs: float | None = Field(None, description="Measured share of control pairs that differ.")
    control_pairs: int = 0


class CoverageRow(Record):
    """One category of the pool: how much was looked at, and what would have been seen."""

    category: str
    discovery_prompts: int
    confirmation_prompts: int
    p_change: float | None = Field(description="Mean P(change); None where distributions were not seen.")
    p_change_upper: float | None = Field(description="95% upper bound of the share of prompts with P(change) > 0.5.")
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
    p_change: float | None = Field(description="None where only the answer's opening was looked at.")
    lead: str | None


class Gate(Record):
    """A two-sample test of whether the models differ at all, where their distributions cannot be seen."""

    test: str
    prompts: int
    statistic: float
    p_value: float = Field(description="(1 + b) / (1 + B) over B permutations within prompts.")


class Payoff(Record):
    """One call of a finder: what it and the screening of its prompts cost, and what these showed that was new."""

    round: int = Field(description="Its place among the calls of all finders, from 0.")
    prompts: int
    tokens: int = Field(description="Scored by both models, screening included.")
    mass: float = Field(description="Signed shift that no prompt before had shown, beyond drift, in nats.")


class FinderUse(Record):
    """A search for prompts that no pool holds: how many it made, and what making them cost (screening them apart)."""

    name: str
    prompts: int
    scored_tokens: int
    note: str = Field("", description="What led it, or why there are none.")
    payoffs: tuple[Payoff, ...] = Field((), description="Its calls, screening included; none in older reports.")

    @property
    def mass(self) -> float:
        """Nats that all its calls earned."""
        return sum(payoff.mass for payoff in self.payoffs)

    @property
    def tokens(self) -> int:
        """Tokens that all its calls took, screening included."""
        return sum(payoff.tokens for payoff in self.payoffs)


class GameRound(Record):
    """One round of the game: red proposed prompts, blue predicted, then the screen scored them."""

    prompts: int
    finder: str = Field("", description="Whose turn it was; the other prompts are edits.")
    findings: int = Field(description="Confirmed findings that blue predicted from.")
    scored_tokens: int = Field(description="By both models: the finder's own work and the screening.")
    earned: float = Field(description="Nats a prompt, unforeseen and beyond the noise floor, over red's best prompts.")
    mass: float = Field(description="Nats a prompt beyond drift and noise, over the prompts with the most.")
    foreseen: float | None = Field(description="The share of `mass` that blue foresaw; None where there is none.")


class GameFind(Record):
    """A prompt that red proposed and of whose shift most is still unforeseen."""

    prompt: str
    source: str = Field(description="The finder that made it, or 'game' for an edit.")
    gained: tuple[str, ...] = Field(description="Tokens with the most unforeseen gain.")
    unforeseen: float = Field(description="Nats beyond drift and the noise floor.")


class GameView(Record):
    """Red against blue: how much of the shift that can still be found do the findings foresee?"""

    value: float | None = Field(description="The share that blue foresaw in the last round; None: nothing to foresee.")
    rounds: tuple[GameRound, ...]
    floor: float = Field(description="Noise floor: the most nats of a prompt that the base shows against itself.")
    ended: str = Field(description="What ended the game.")
    proposed: tuple[str, ...] = Field((), description="Hypotheses made of red's prompts, by id.")
    finds: tuple[GameFind, ...] = Field((), description="Red's best prompts that no finding foresees, at the end.")


class RoleUse(Record):
    """Who played a role: a language model, or the embedded default; with the prompts it was given and what it did."""

    role: str
    by: str
    prompts: dict[str, str] = Field(default_factory=dict, description="Prompt file to its version and hash.")
    did: tuple[str, ...] = ()


class Validated(Record):
    """One finding put to a validation of the older work; says nothing about whether the finding is confirmed."""

    finding: str
    validator: str
    trials: int
    missing: int = Field(description="Replies that could not be read: left out, never counted as a half.")
    mean: float
    e_value: float
    calls: int
    note: str = Field("", description="Why there were no trials, or which prompts they used.")


class ModuleChange(Record):
    """How far one module moved: |dW| / |W| over its tensors."""

    layer: int | None
    module: str
    relative: float | None


class MatrixSpectrum(Record):
    """The leading singular values of one matrix's dW, at most 16, in falling order."""

    layer: int | None
    module: str
    values: tuple[float, ...]
    stable_rank: float = Field(description="|dW|_F^2 / |dW|_2^2.")
    energy_rank: int | None = Field(description="Singular values that hold 90% of |dW|_F^2; None: more than `found`.")
    found: int = Field(description="Singular values computed in all.")
    full: int = Field(description="The matrix's smaller side: as many singular values as there can be.")
    exact: bool = Field(description="False: lower bounds, from a randomised range.")


class WriteReading(Record):
    """One write direction of dW that says more through the final norm and the unembedding than random ones do.

    A singular direction has no sign of its own: its strongest token counts as promoted.
    """

    layer: int | None
    module: str
    promoted: tuple[str, ...] = Field(description="Tokens, the strongest first.")
    demoted: tuple[str, ...]
    share: float = Field(description="Its part of this matrix's |dW|_F^2.")
    strongest: float = Field(description="The largest logit, for a stream of unit RMS.")
    p: float = Field(description="(1 + b) / (1 + B): b of B random directions have a logit as large.")


class WeightsView(Record):
    """What the checkpoints alone say: the kind of intervention, with its evidence, and where it lies."""

    kind: str
    confidence: str
    evidence: str
    relative: float | None
    modules: tuple[ModuleChange, ...] = Field((), description="Modules that changed, the most changed first.")
    spectra: tuple[MatrixSpectrum, ...] = Field((), description="Of the most changed matrices.")
    writes: tuple[WriteReading, ...] = Field((), description="Write directions beyond chance, the strongest first.")
    writes_read: int = Field(0, description="Write directions that were read in all.")
    writes_null: int = Field(0, description="Random directions that they were held against.")


class CarriedBy(Record):
    """Which tensors carry a finding: shares of its score along the path from base to candidate, and grafts."""

    finding: str
    sentence: str = ""
    completeness: float | None = Field(None, description="Sum of the shares over the whole change; 1 is all.")
    prompts: int = 0
    modules: tuple[tuple[str, float], ...] = Field((), description="Tensors and their shares, the largest first.")
    layers: tuple[tuple[str, float], ...] = ()
    curve: GraftCurve | None = None
    reason: str = Field("", description="Why it could not be traced.")


class TextCluster(Record):
    """A group of texts of both models that lie close together; shares and p are of texts that did not form it.

    Of kind 'contrastive', texts are grouped by how they differ from the other model's text to the same prompt.
    """

    id: str
    kind: Literal["behavioural", "contrastive"]
    label: str = Field(description="Words of its texts, or what a reasoner says of them.")
    by: str
    texts: int = Field(description="Texts that formed it.")
    share_base: float
    share_candidate: float
    p_value: float = Field(description="Labels of the models swapped within prompts.")
    differs: bool = Field(description="Benjamini-Hochberg over all clusters of the run.")
    finding: str | None = Field(None, description="The finding whose predicate reproduces it.")
    examples: tuple[str, ...] = ()


class TextPoint(Record):
    """One text on the two leading principal axes."""

    x: float
    y: float
    side: Literal["base", "candidate"]
    cluster: str | None


class ClustersView(Record):
    """What the method 'clustering' leaves beside its findings."""

    embedding: str
    clusters: tuple[TextCluster, ...]
    points: tuple[TextPoint, ...]


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
    access: str = Field("weights", description="How much of the models was seen: weights ... recorded.")
    divergence: Divergence | None = Field(None, description="None where no distribution was seen.")
    weights: WeightsView | None = Field(None, description="None where no pair of checkpoints could be read.")
    carried_by: tuple[CarriedBy, ...] = Field((), description="Confirmed findings traced to weights: --attribute.")
    gates: tuple[Gate, ...] = ()
    findings: tuple[Finding, ...] = ()
    leads: tuple[Lead, ...] = ()
    finders: tuple[FinderUse, ...] = Field((), description="Searches for prompts beyond the pool.")
    game: GameView | None = Field(None, description="None where no game was played.")
    explained_share: float | None = Field(None, description="None where no distribution was seen.")
    unexplained: tuple[Unexplained, ...] = ()
    coverage: tuple[CoverageRow, ...] = ()
    unchanged_bound: float | None = Field(
        None, description="95% upper bound of the share of pool prompts outside all findings with P(change) > 0.5."
    )
    roles: tuple[RoleUse, ...] = ()
    validations: tuple[Validated, ...] = ()
    clusters: ClustersView | None = Field(None, description="Of --method clustering.")
    amplified: AmplifiedView | None = Field(None, description="Of --method contrastive-decoding.")
    soft_prompts: SoftPromptsView | None = Field(None, description="Of --method soft-prompt.")
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
    finders: tuple[FinderUse, ...]
    coverage: tuple[CoverageRow, ...]
    cost: CostReport
    seed: int


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of report.json."""
    return Report.model_json_schema(mode="serialization")
