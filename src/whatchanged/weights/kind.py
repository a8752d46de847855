"""What kind of intervention lies between two checkpoints. Rules in order, from exact ones to statistical ones."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median

from whatchanged.weights.model import Confidence, Kind, KindName, Spectrum, TensorDiff, Traits
from whatchanged.weights.names import is_embedding

# What float32 sums, or rounding the candidate, can leave of |dW|_F^2.
EXACT_LEFT = 1e-5
# Share of |dW|_F^2 that rounding may make where a tensor is to tell something.
TELLING = 0.1


@dataclass(frozen=True)
class Facts:
    """The tensors, whether the candidate is an adapter kept apart, and the bits of those stored quantised."""

    tensors: Sequence[TensorDiff]
    adapter: bool = False
    stored_bits: dict[str, float] = field(default_factory=dict)

    @cached_property
    def differing(self) -> list[TensorDiff]:
        """Tensors of one shape in both with at least one entry that differs."""
        return [t for t in self.tensors if t.status == "changed" and t.changed > 0]

    @cached_property
    def changed(self) -> list[TensorDiff]:
        """Those of them that rounding to another dtype does not account for, to the last entry."""
        return [t for t in self.differing if not (t.traits and t.traits.rounds_to)]

    @cached_property
    def apart(self) -> list[TensorDiff]:
        """Tensors that have no counterpart of their shape."""
        return [t for t in self.tensors if t.status in ("added", "absent", "resized")]

    @cached_property
    def retyped(self) -> list[TensorDiff]:
        """Tensors stored in another dtype."""
        return [t for t in self.tensors if t.retyped]

    @cached_property
    def matrices(self) -> list[tuple[TensorDiff, Spectrum]]:
        """Changed matrices with their spectra."""
        return [(t, t.spectrum) for t in self.changed if t.spectrum is not None]

    @cached_property
    def traits(self) -> list[Traits]:
        """Of the changed tensors."""
        return [t.traits for t in self.changed if t.traits is not None]

    @cached_property
    def layers(self) -> int:
        """Decoder layers in all."""
        return len({t.layer for t in self.tensors if t.layer is not None})


Rule = Callable[[Facts], Kind | None]


def kind_of(facts: Facts) -> Kind:
    """The first rule that applies; 'unknown' with what was seen if none does.

    What cannot be paired is not accounted for by any rule but that of new tokens, so nothing is certain then.
    """
    kind = next((kind for rule in RULES if (kind := rule(facts)) is not None), None) or _unknown(facts)
    if facts.apart and kind.name not in ("new tokens", "unknown"):
        more = f"{kind.evidence} {_apart(facts)}"
        kind = kind.model_copy(update={"evidence": more, "confidence": "likely"})
    if facts.retyped and kind.name != "re-saved":
        kind = kind.model_copy(update={"evidence": f"{kind.evidence} Stored otherwise: {_retypings(facts)}."})
    return kind


def _identical(facts: Facts) -> Kind | None:
    if facts.differing or facts.retyped or facts.apart:
        return None
    return _kind("identical", "certain", f"All {len(facts.tensors)} tensors are bit for bit the same.")


def _adapter(facts: Facts) -> Kind | None:
    if not facts.adapter:
        return None
    ranks = [len(s.values) if s.rank is None else s.rank for _, s in facts.matrices]
    whole = sum(t.traits is not None for t in facts.changed)
    beside = f", and {whole} whole tensors" if whole else ""
    return _kind("adapter", "certain", f"The candidate is an adapter of rank {max(ranks, default=0)} on "
                 f"{_modules(facts.changed)}{beside}.")  # fmt: skip


def _resaved(facts: Facts) -> Kind | None:
    if facts.apart or facts.changed:
        return None
    stored = _retypings(facts) or "no dtype changed"
    if not facts.differing:
        return _kind("re-saved", "certain", f"Every value is the same; {stored}.")
    dtypes = Counter(t.traits.rounds_to for t in facts.differing if t.traits)
    rounded = " and ".join(f"{count} tensors to {dtype}" for dtype, count in dtypes.most_common())
    return _kind("re-saved", "certain", f"Every difference is what rounding gives, exactly: {rounded} ({stored}).")


def _new_tokens(facts: Facts) -> Kind | None:
    grown = [t for t in facts.apart if t.status == "resized" and is_embedding(t.name) and t.norm is not None]
    if not grown or len(grown) < len(facts.apart) or facts.differing or any(t.changed for t in grown):
        return None
    rows = {(t.candidate_shape or (0,))[0] - (t.base_shape or (0,))[0] for t in grown}
    if min(rows) <= 0:
        return None
    names = ", ".join(t.name for t in grown)
    return _kind("new tokens", "certain", f"{max(rows)} rows were added to {names}; every old value is the same.")


def _rounded(facts: Facts) -> Kind | None:
    if facts.stored_bits:
        stored = sorted(set(facts.stored_bits.values()))
        dtypes = sorted({str(t.candidate_dtype) for t in facts.tensors if t.name in facts.stored_bits})
        return _kind("rounded", "certain", f"{len(facts.stored_bits)} tensors are stored as {', '.join(dtypes)}: "
                     f"{' and '.join(f'{b:.3g}' for b in stored)} bits a weight, scales included.")  # fmt: skip
    grids = [t.traits.grid for t in facts.changed if t.traits and t.traits.grid]
    if not grids or len(grids) < 0.5 * len(facts.matrices):
        return None
    (bits, group), count = Counter((g.bits, g.group) for g in grids).most_common(1)[0]
    within = min(g.within for g in grids)
    pure = within > 0.999 and len(grids) == len(facts.changed) and count == len(grids)
    where = "row" if group is None else f"group of {group}"
    return _kind("rounded", "certain" if pure else "likely", f"{count} of {len(facts.changed)} changed tensors lie on "
                 f"a grid of {bits} bits with one step a {where}; {_percent(within)} of the entries or more are within "
                 "half a step of the base.")  # fmt: skip


def _pruned(facts: Facts) -> Kind | None:
    cut = [t for t in facts.changed if t.traits and t.traits.zeros > 0.02]
    if not cut or len(cut) < 0.5 * len([t for t, _ in facts.matrices]):
        return None
    traits = [t.traits for t in cut if t.traits]
    share = median(t.zeros for t in traits)
    if all(t.two_of_four > 0.999 for t in traits):
        pattern = "two of every four in a row (2:4)"
    elif all(t.smallest_first > 0.99 for t in traits):
        pattern = "unstructured, the smallest of each row"
    else:
        small = median(t.smallest_first for t in traits)
        pattern = f"no pattern named: the smallest went first in {_percent(small)} of the rows"
    exact = len(cut) == len(facts.changed) and all(t.only_zeros for t in traits)
    kept = "nothing else changed" if exact else "other entries changed too"
    return _kind("pruned", "certain" if exact else "likely", f"{_percent(share)} of the entries of {len(cut)} tensors "
                 f"became zero, {pattern}; {kept}.")  # fmt: skip


def _mixture(facts: Facts) -> Kind | None:
    # A change of an ulp or so fits any mixture: such tensors may agree, but they tell nothing.
    telling = [t for t in facts.traits if t.rounding < TELLING]
    if not telling or len(telling) < 0.5 * len(facts.changed):
        return None
    if all(t.mixture and t.mixture_left <= EXACT_LEFT + 3 * t.rounding for t in facts.traits):
        kept, share = (median(t.mixture[side] for t in telling if t.mixture) for side in (0, 1))
        even = all(t.mixture and abs(t.mixture[1] - share) < 0.02 for t in telling)
        left = math.sqrt(max(t.mixture_left for t in telling))
        return _kind("merge", "certain" if even else "likely", f"Every changed tensor is {kept:.3f} x base + "
                     f"{share:.3f} x the third model; {_percent(left)} of |dW| or less is left, as rounding "
                     "leaves.")  # fmt: skip
    factor = median(t.scaled for t in telling)
    fits = all(t.scaled_left <= EXACT_LEFT + 3 * t.rounding for t in facts.traits)
    if fits and all(abs(t.scaled - factor) < 0.02 * abs(factor) for t in telling):
        return _kind("merge", "likely", f"Every changed tensor is the base times {factor:.4f}: a merge or an "
                     "interpolation with zero, as a task vector's scaling is.")  # fmt: skip
    return None


def _embeddings(facts: Facts) -> Kind | None:
    if not facts.changed or not all(is_embedding(t.name) for t in facts.changed):
        return None
    parts = ", ".join(f"{_percent(t.changed)} of {t.name}" for t in facts.changed)
    return _kind("embeddings only", "certain", f"Only embeddings changed: {parts}; every layer is the same.")


def _rank_one(facts: Facts) -> Kind | None:
    if len(facts.changed) != 1 or len(facts.matrices) != 1:
        return None
    tensor, spectrum = facts.matrices[0]
    if spectrum.rank != 1 or tensor.layer is None:
        return None
    sure: Confidence = "certain" if _explained(tensor, spectrum) else "likely"
    return _kind("rank-one edit", sure, f"One tensor changed, {tensor.name} in layer {tensor.layer}, and its dW has "
                 f"rank 1 (stable rank {spectrum.stable_rank:.3f}; {_percent(spectrum.left_over)} of its energy is "
                 "left over).")  # fmt: skip


def _few_layers(facts: Facts) -> Kind | None:
    layers = sorted({t.layer for t in facts.changed if t.layer is not None})
    modules = {t.module for t in facts.changed}
    inside = all(t.layer is not None for t in facts.changed)
    if not layers or not inside or len(layers) > max(1, facts.layers // 3) or len(modules) > 2:
        return None
    ranks = [s.rank for _, s in facts.matrices if s.rank is not None]
    rank = f"ranks up to {max(ranks)}" if ranks and len(ranks) == len(facts.matrices) else "no low rank"
    return _kind("few-layer edit", "likely", f"{len(facts.changed)} of {len(facts.tensors)} tensors changed, in layers "
                 f"{', '.join(map(str, layers))} of {facts.layers}: {', '.join(sorted(modules))}; {rank}.")  # fmt: skip


def _low_rank(facts: Facts) -> Kind | None:
    if not facts.matrices or len(facts.matrices) < len(facts.changed):
        return None
    ranks = [s.rank for t, s in facts.matrices if s.rank is not None and _low(t, s, s.rank)]
    if len(ranks) < len(facts.matrices):
        return None
    sure = all(_explained(t, s) for t, s in facts.matrices)
    left = max(s.left_over for _, s in facts.matrices)
    why = "what rounding leaves" if sure else "more than rounding leaves"
    return _kind("low-rank adapter merged", "certain" if sure else "likely", f"dW has rank {max(ranks)} or less in all "
                 f"{len(ranks)} changed matrices ({_modules(facts.changed)}); {_percent(left)} of its energy or less "
                 f"lies beyond, {why}.")  # fmt: skip


def _low(tensor: TensorDiff, spectrum: Spectrum, rank: int) -> bool:
    """At most a quarter of the smaller side; or three quarters where nothing at all follows."""
    side = min(tensor.base_shape or (0,))
    nothing = spectrum.left_over <= EXACT_LEFT and spectrum.gap is None
    return rank <= (3 * side // 4 if nothing else side // 4)


def _explained(tensor: TensorDiff, spectrum: Spectrum) -> bool:
    """Whether rounding accounts for what lies beyond the rank, and the rank ends in a step, not in a slope."""
    rounding = tensor.traits.rounding if tensor.traits else 0.0
    step = spectrum.gap is None or spectrum.gap >= 2
    return (
        spectrum.rank is not None and step and rounding < TELLING and spectrum.left_over <= EXACT_LEFT + 1.5 * rounding
    )


def _noise(facts: Facts) -> Kind | None:
    seen = [(t.traits, s) for t, s in facts.matrices if t.traits and t.changed > 0.5]
    if not seen or len(seen) < len(facts.changed):
        return None
    flat = [0.85 < s.edge_ratio < 1.08 and abs(t.correlation) < 0.05 for t, s in seen]
    edge, kurtosis = median(s.edge_ratio for _, s in seen), median(t.kurtosis for t, _ in seen)
    if sum(flat) < 0.9 * len(flat) or abs(kurtosis - 3) > 0.35:
        return None
    return _kind("noise", "likely", f"dW looks like independent Gaussian noise in {sum(flat)} of {len(flat)} matrices: "
                 f"largest singular value {edge:.2f} of the noise edge, kurtosis {kurtosis:.2f} (3 is Gaussian), no "
                 "correlation with W.")  # fmt: skip


def _full_tune(facts: Facts) -> Kind | None:
    layers = {t.layer for t in facts.changed if t.layer is not None}
    if not facts.matrices or len(facts.changed) < 0.6 * len(facts.tensors) or len(layers) < 0.8 * facts.layers:
        return None
    edge = median(s.edge_ratio for _, s in facts.matrices)
    if edge < 1.2:
        return None
    stable = median(s.stable_rank for _, s in facts.matrices)
    only = len(facts.matrices) == len(facts.changed) and not any(is_embedding(t.name) for t in facts.changed)
    adapter = " Only the layers' matrices changed, so it may be an adapter whose rank cannot be told." if only else ""
    return _kind("full tune", "likely", f"{len(facts.changed)} of {len(facts.tensors)} tensors changed, in "
                 f"{len(layers)} of {facts.layers} layers, with structured high-rank differences: median stable rank "
                 f"{stable:.1f}, largest singular value {edge:.1f} times the noise edge.{adapter}")  # fmt: skip


def _unknown(facts: Facts) -> Kind:
    seen = f"{len(facts.changed)} of {len(facts.tensors)} tensors changed and no kind fits."
    if not facts.changed:
        seen = "No shared tensor changed."
    return _kind("unknown", "unknown", f"{seen} {_apart(facts)}".strip())


RULES: tuple[Rule, ...] = (
    _identical, _adapter, _resaved, _new_tokens, _rounded, _pruned, _mixture, _embeddings, _rank_one, _few_layers,
    _low_rank, _noise, _full_tune,
)  # fmt: skip


def _apart(facts: Facts) -> str:
    if not facts.apart:
        return ""
    counts = Counter(t.status for t in facts.apart)
    return f"Not accounted for: {', '.join(f'{count} tensors {status}' for status, count in counts.most_common())}."


def _retypings(facts: Facts) -> str:
    changes = Counter(f"{t.base_dtype} to {t.candidate_dtype}" for t in facts.retyped)
    return ", ".join(f"{count} tensors from {change}" for change, count in changes.most_common())


def _modules(tensors: Iterable[TensorDiff]) -> str:
    layers: dict[str, list[int | None]] = defaultdict(list)
    for t in tensors:
        layers[t.module].append(t.layer)
    many = sorted(layers.items(), key=lambda item: -len(item[1]))[:8]
    return ", ".join(f"{module}{_in_layers(found)}" for module, found in many)


def _in_layers(layers: Sequence[int | None]) -> str:
    if len(layers) > 1:
        return f" in {len(layers)} layers"
    return "" if layers[0] is None else f" in layer {layers[0]}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def _kind(name: KindName, confidence: Confidence, evidence: str) -> Kind:
    return Kind(name=name, confidence=confidence, evidence=evidence)
