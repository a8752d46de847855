"""Which tensors carry a behaviour: shares along the path from base to candidate, and what grafting them does.

S = log P - log(1 - P), the log-odds that an answer opens with the finding's phrase, averaged over prompts.
"""

from pydantic import Field

from whatchanged.records.base import Record


class DirectionShare(Record):
    """One singular direction s u v' of a tensor's dW."""

    index: int = Field(description="0 is the largest singular value.")
    value: float = Field(description="The singular value s.")
    share: float = Field(description="Integral of dS/dW projected on s u v', in units of S.")


class ModuleShare(Record):
    """One changed tensor. `layer` is None outside the decoder layers."""

    name: str
    layer: int | None
    module: str = Field(description="The name without its layer: 'self_attn.q_proj'.")
    share: float = Field(description="Integral of dS/dW . dW along the path, in units of S.")
    energy: float = Field(description="Its part of the whole change's |dW|_F^2.")
    directions: tuple[DirectionShare, ...] = Field((), description="Leading tensors only; they sum to `share`.")


class GroupShare(Record):
    """Tensors of one layer, or of one kind of module, together."""

    name: str
    share: float
    energy: float


class Attribution(Record):
    """Path attribution of one finding. Modules, layers and kinds: those that carry most of the effect first."""

    score_base: float = Field(description="S of the base.")
    score_candidate: float
    completeness: float = Field(description="Sum of the shares / (S candidate - S base): 1 when all is accounted for.")
    points: int = Field(description="Gauss-Legendre points of the integral.")
    prompts: int
    modules: tuple[ModuleShare, ...]
    layers: tuple[GroupShare, ...] = ()
    kinds: tuple[GroupShare, ...] = ()

    @property
    def order(self) -> tuple[str, ...]:
        """Tensor names, those that carry most of the effect first."""
        return tuple(m.name for m in self.modules)


class GraftPoint(Record):
    """The mean probability of the phrase with `modules` tensors' dW added to the base, or taken from the candidate."""

    modules: int
    energy: float = Field(description="Their part of the whole change's |dW|_F^2.")
    grafted: float = Field(description="P of the base with the first tensors in order of attribution.")
    removed: float = Field(description="P of the candidate without them.")
    random_energy: float
    random_grafted: float = Field(description="The same for as many tensors drawn at random.")
    random_removed: float


class GraftCurve(Record):
    """Behaviour against the share of the change that is grafted."""

    rate_base: float
    rate_candidate: float
    seed: int = Field(description="Of the random order.")
    points: tuple[GraftPoint, ...]


class Carried(Record):
    """The fewest parts, in order of attribution, that carry the effect asked for."""

    count: int
    of: int = Field(description="How many there are to choose from.")
    share: float = Field(description="Part of P candidate - P base that they carry.")
    energy: float = Field(description="Their part of the whole change's |dW|_F^2.")
    members: tuple[str, ...] = Field(description="Tensor names; with directions, 'NAME#INDEX'.")


class Carriers(Record):
    """What carries a finding, and what removing that changes on prompts outside its region.

    `directions` is None where the leading tensors' directions do not carry enough. The three distances are mean
    total variations of the first token's distribution on those prompts; None: there was no such prompt.
    """

    target: float
    grafting: Carried = Field(description="Tensors that, added to the base, restore the effect.")
    removing: Carried = Field(description="Tensors that, taken from the candidate, end the effect.")
    directions: Carried | None = Field(description="The same as `removing`, counted in singular directions.")
    elsewhere_with: float | None = Field(description="Base to candidate.")
    elsewhere_without: float | None = Field(description="Base to candidate without `removing`.")
    elsewhere_moved: float | None = Field(description="Candidate to candidate without `removing`.")
