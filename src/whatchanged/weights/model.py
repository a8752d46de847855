"""What reading two checkpoints gives. Matrices are as PyTorch stores them: rows are outputs, columns inputs."""

from typing import Literal

from pydantic import Field

from whatchanged.records import Record

Status = Literal["identical", "changed", "resized", "added", "absent"]
Confidence = Literal["certain", "likely", "unknown"]
KindName = Literal[
    "identical", "re-saved", "rounded", "pruned", "new tokens", "embeddings only", "adapter", "low-rank adapter merged",
    "rank-one edit", "few-layer edit", "merge", "noise", "full tune", "unknown",
]  # fmt: skip


class Spectrum(Record):
    """Singular values of dW. With a randomised range they are lower bounds, each off by at most `residual`."""

    values: tuple[float, ...] = Field(description="The largest, in falling order.")
    stable_rank: float = Field(description="|dW|_F^2 / |dW|_2^2.")
    energy_rank: int | None = Field(description="Singular values that hold 90% of |dW|_F^2; None: more than `found`.")
    found: int = Field(description="Singular values computed in all.")
    residual: float = Field(description="|dW - Q Q'dW|_F of the range Q found: the error bound. 0 if exact.")
    exact: bool
    rank: int | None = Field(
        description="Singular values above what rounding and noise explain; None: too many to say."
    )
    left_over: float = Field(description="Share of |dW|_F^2 beyond that rank.")
    gap: float | None = Field(
        description="The last value within that rank over the next; None if next to nothing follows."
    )
    edge_ratio: float = Field(
        description="|dW|_2 over sigma (sqrt(m) + sqrt(n)), its size if entries were i.i.d. noise."
    )


class Grid(Record):
    """Candidate values lie on a grid of at most 2^bits levels a group."""

    bits: int
    group: int | None = Field(description="Columns that share a step; None: the whole row.")
    within: float = Field(description="Share of entries no further from the base than half a step.")


class Traits(Record):
    """What tells kinds of intervention apart, from all entries unless said otherwise."""

    rounds_to: str | None = Field(None, description="Dtype to which every base value, rounded, is the candidate's.")
    zeros: float = Field(0.0, description="Share of entries that became zero.")
    only_zeros: bool = Field(False, description="Whether becoming zero is all that changed.")
    smallest_first: float = Field(0.0, description="Share of rows in which the zeroed entries were the smallest.")
    two_of_four: float = Field(0.0, description="Share of aligned groups of four with at least two zeros.")
    grid: Grid | None = Field(None, description="From sampled rows.")
    kurtosis: float = Field(0.0, description="Of dW's entries, from sampled rows; 3 for Gaussian, 1.8 for uniform.")
    correlation: float = Field(0.0, description="Cosine between W and dW.")
    rounding: float = Field(
        0.0, description="|error|_F^2 expected of rounding to the candidate's dtype, over |dW|_F^2."
    )
    scaled: float = Field(1.0, description="Least-squares a in W' = a W.")
    scaled_left: float = Field(1.0, description="Share of |dW|_F^2 that scaling leaves unexplained.")
    mixture: tuple[float, float] | None = Field(None, description="Least-squares (a, b) in W' = a W + b W_toward.")
    mixture_left: float = Field(1.0, description="Share of |dW|_F^2 that the mixture leaves unexplained.")


class TensorDiff(Record):
    """One tensor of base or candidate. Norms are Frobenius; shares are of entries."""

    name: str
    layer: int | None
    module: str
    status: Status
    tied: Literal["base", "candidate"] | None = Field(None, description="Where the head is the embedding.")
    base_dtype: str | None = None
    candidate_dtype: str | None = None
    base_shape: tuple[int, ...] | None = None
    candidate_shape: tuple[int, ...] | None = None
    norm: float | None = Field(None, description="|W|; None where nothing was read.")
    delta_norm: float = 0.0
    cosine: float | None = Field(None, description="Between W and W'.")
    changed: float = Field(0.0, description="Share of entries that differ.")
    spectrum: Spectrum | None = None
    traits: Traits | None = None

    @property
    def relative(self) -> float | None:
        """|dW| / |W|; None where the base is zero or was not read."""
        return self.delta_norm / self.norm if self.norm else None

    @property
    def retyped(self) -> bool:
        """Whether it is stored in another dtype."""
        return None not in (self.base_dtype, self.candidate_dtype) and self.base_dtype != self.candidate_dtype


class ModuleDiff(Record):
    """All tensors of a module (weight and bias) in one layer."""

    layer: int | None
    module: str
    relative: float | None = Field(description="|dW| / |W|.")
    delta_norm: float
    changed: float
    stable_rank: float | None
    energy_rank: int | None
    rank: int | None


class Kind(Record):
    """What was done to the weights, how sure that is, and the numbers that say so."""

    name: KindName
    confidence: Confidence
    evidence: str


class WeightDiff(Record):
    """The difference between two checkpoints."""

    base: str
    candidate: str
    toward: str | None = None
    kind: Kind
    tensors: tuple[TensorDiff, ...]
    modules: tuple[ModuleDiff, ...] = Field(description="Those that changed, the largest relative change first.")
    relative: float | None = Field(description="|dW| / |W| over all tensors that were read.")
    rank: int
    seed: int
    bytes_read: int
    seconds: float
