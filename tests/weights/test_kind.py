"""The kind of intervention, on a suite of 40 made checkpoints: 95% right, and never wrong when certain."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import made
import numpy as np
import pytest

from whatchanged.weights import weight_diff

SIZES = {"small": (6, 64, 160), "wide": (3, 288, 320), "deep": (12, 64, 96)}


class Case(NamedTuple):
    """A made checkpoint: base's dtype and size, candidate's dtype, how it is made, and what it is."""

    kind: str
    size: str
    dtype: str
    make: Callable[[np.random.Generator, made.Tensors], made.Tensors]
    stored: str = ""
    options: Mapping[str, Any] = MappingProxyType({})


def lora(rank: int, relative: float, modules: str = "") -> Callable[..., made.Tensors]:
    def make(rng, base):
        names = [n for n in made.matrices(base) if any(m in n for m in modules.split()) or not modules]
        return made.mapped(base, lambda w: w + made.low_rank(rng, w, rank, relative), names)

    return make


def rank_one(name: str, relative: float) -> Callable[..., made.Tensors]:
    return lambda rng, base: made.mapped(base, lambda w: w + made.low_rank(rng, w, 1, relative), [name])


def memit(layers: tuple[int, ...], relative: float) -> Callable[..., made.Tensors]:
    names = [f"model.layers.{i}.mlp.down_proj.weight" for i in layers]
    return lambda rng, base: made.mapped(base, lambda w: w + made.tuned(rng, w, relative), names)


def full(relative: float, norms: bool = True) -> Callable[..., made.Tensors]:
    def make(rng, base):
        names = list(base) if norms else [n for n in base if base[n].ndim == 2]
        return made.mapped(base, lambda w: w + made.tuned(rng, w, relative), names)

    return make


def noise(relative: float) -> Callable[..., made.Tensors]:
    return lambda rng, base: made.mapped(base, lambda w: w + relative * made.rms(w) * rng.standard_normal(w.shape))


def embeddings(rng, base):
    def change(w):
        w = w.copy()
        w[5:25] += 0.01 * rng.standard_normal((20, w.shape[1])).astype(np.float32)
        return w

    return made.mapped(base, change, [made.EMBEDDING])


def new_tokens(count: int) -> Callable[..., made.Tensors]:
    def make(rng, base):
        rows = 0.03 * rng.standard_normal((count, base[made.EMBEDDING].shape[1])).astype(np.float32)
        return base | {made.EMBEDDING: np.vstack([base[made.EMBEDDING], rows])}

    return make


def quantise(bits: int, group: int | None, ranged: bool = False) -> Callable[..., made.Tensors]:
    return lambda rng, base: made.mapped(base, lambda w: made.quantised(w, bits, group, ranged))


def third(rng, base):
    return made.mapped(base, lambda w: w + made.tuned(rng, w, 0.05), list(base))


def blend(share: float) -> Callable[..., made.Tensors]:
    def make(rng, base):
        other = third(np.random.default_rng(99), base)
        return {name: w + share * (other[name] - w) for name, w in base.items()}

    return make


same: Callable[..., made.Tensors] = lambda rng, base: dict(base)  # noqa: E731
sparse = {
    share: (lambda s: lambda rng, base: made.mapped(base, lambda w: made.pruned(w, s)))(share) for share in (0.3, 0.6)
}

CASES = [
    Case("identical", "small", "BF16", same),
    Case("identical", "wide", "F32", same),
    Case("re-saved", "small", "F32", same, "BF16"),
    Case("re-saved", "small", "F32", same, "F16"),
    Case("re-saved", "deep", "BF16", same, "F32"),
    Case("re-saved", "wide", "BF16", same, "F16"),
    Case("rounded", "small", "F32", quantise(8, None), options={"bits": 8}),
    Case("rounded", "wide", "BF16", quantise(8, None), options={"bits": 8}),
    Case("rounded", "small", "BF16", quantise(4, 32), options={"bits": 4}),
    Case("rounded", "wide", "F32", quantise(4, 32, True), options={"bits": 4}),
    Case("rounded", "small", "F32", quantise(8, 32), "BF16", options={"bits": 8}),
    Case("rounded", "deep", "BF16", quantise(4, None), options={"bits": 4}),
    Case("pruned", "small", "BF16", sparse[0.3]),
    Case("pruned", "wide", "F32", sparse[0.6]),
    Case("pruned", "deep", "BF16", lambda rng, base: made.mapped(base, made.two_of_four)),
    Case("low-rank adapter merged", "small", "F32", lora(4, 0.02)),
    Case("low-rank adapter merged", "small", "BF16", lora(4, 0.03)),
    Case("low-rank adapter merged", "wide", "BF16", lora(8, 0.02, "q_proj v_proj")),
    Case("low-rank adapter merged", "wide", "F32", lora(16, 0.05)),
    Case("low-rank adapter merged", "deep", "F32", lora(2, 0.005, "down_proj")),
    Case("low-rank adapter merged", "wide", "F32", lora(8, 0.02), "BF16"),
    Case("rank-one edit", "small", "F32", rank_one("model.layers.3.mlp.down_proj.weight", 0.05)),
    Case("rank-one edit", "deep", "BF16", rank_one("model.layers.7.mlp.down_proj.weight", 0.1)),
    Case("rank-one edit", "wide", "BF16", rank_one("model.layers.1.mlp.down_proj.weight", 0.05)),
    Case("few-layer edit", "deep", "F32", memit((3, 4, 5, 6), 0.05)),
    Case("few-layer edit", "deep", "BF16", memit((4, 5), 0.03)),
    Case("few-layer edit", "small", "BF16", memit((2,), 0.05)),
    Case("merge", "small", "F32", blend(0.5), options={"toward": True}),
    Case("merge", "small", "BF16", blend(0.3), options={"toward": True}),
    Case("merge", "wide", "F32", lambda rng, base: {name: 0.9 * w for name, w in base.items()}),
    Case("full tune", "small", "F32", full(0.02)),
    Case("full tune", "wide", "BF16", full(0.03)),
    Case("full tune", "deep", "BF16", full(0.02, norms=False)),
    Case("full tune", "wide", "F32", full(0.1)),
    Case("noise", "small", "F32", noise(0.01)),
    Case("noise", "wide", "BF16", noise(0.05)),
    Case("noise", "deep", "BF16", noise(0.02)),
    Case("embeddings only", "small", "BF16", embeddings),
    Case("embeddings only", "deep", "F32", embeddings),
    Case("new tokens", "small", "BF16", new_tokens(3)),
]  # fmt: skip


def verdict(case: Case, seed: int, folder: Path) -> Any:
    rng = np.random.default_rng(seed)
    layers, width, inner = SIZES[case.size]
    base = {n: made.rounded(w, case.dtype) for n, w in made.llama(rng, layers, width, inner).items()}
    stored = case.stored or case.dtype
    a = made.save(folder / "base", base, case.dtype)
    b = made.save(folder / "candidate", case.make(rng, base), stored)
    toward = None
    if case.options.get("toward"):
        toward = str(made.save(folder / "third", third(np.random.default_rng(99), base), case.dtype))
    return weight_diff(str(a), str(b), toward=toward).kind


@pytest.mark.parametrize("seed", [0])
def test_right_on_the_suite_and_never_wrong_when_certain(tmp_path, seed):
    assert len(CASES) == 40
    wrong = []
    for n, case in enumerate(CASES):
        kind = verdict(case, 100 * seed + n, tmp_path / str(n))
        right = kind.name == case.kind
        if "bits" in case.options:
            right = right and f"{case.options['bits']} bits" in kind.evidence
        if not right:
            wrong.append((n, case.kind, case.size, case.dtype, kind))
    assert [entry for entry in wrong if entry[-1].confidence == "certain"] == []
    assert len(wrong) <= 0.05 * len(CASES), wrong
