"""`weight_diff` against plain numpy: every figure, every status, and what it holds in memory."""

import json
import tracemalloc

import made
import numpy as np
import pytest

from whatchanged.errors import CheckpointError, SpecError
from whatchanged.ledger import Progress
from whatchanged.weights import WeightDiff, singular_triples, weight_diff
from whatchanged.weights.pieces import BLOCK


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def diff_of(tmp_path, base, candidate, dtypes=("F32", "F32"), **options):
    a, b = (made.save(tmp_path / n, t, d) for n, t, d in zip("ab", (base, candidate), dtypes, strict=True))
    return weight_diff(str(a), str(b), **options)


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
@pytest.mark.parametrize("shape", [(600, 700), (40, 90), (12,), (3, 5, 8)])
def test_figures_against_numpy(tmp_path, rng, shape, dtype):
    w = made.rounded(rng.standard_normal(shape), dtype)
    d = np.where(rng.random(shape) < 0.3, rng.standard_normal(shape), 0)
    c = made.rounded(w + d, dtype)
    assert w.size < BLOCK or len(shape) == 2  # the first shape takes more than one block
    (tensor,) = diff_of(tmp_path, {"layers.3.mlp.up.weight": w}, {"layers.3.mlp.up.weight": c}, (dtype, dtype)).tensors
    w, c = w.astype(float), c.astype(float)
    d = c - w
    assert (tensor.layer, tensor.module, tensor.status) == (3, "mlp.up", "changed")
    assert tensor.norm == pytest.approx(np.linalg.norm(w), rel=1e-5)
    assert tensor.relative == pytest.approx(np.linalg.norm(d) / np.linalg.norm(w), rel=1e-5)
    assert tensor.cosine == pytest.approx((w * c).sum() / np.linalg.norm(w) / np.linalg.norm(c), abs=1e-5)
    assert tensor.changed == (d != 0).mean()
    if len(shape) != 2:
        assert tensor.spectrum is None
        return
    values = np.linalg.svd(d, compute_uv=False)
    found = tensor.spectrum
    assert found.exact == (min(shape) <= 256)
    if found.exact:
        np.testing.assert_allclose(found.values, values[:16], rtol=1e-5)
        assert found.stable_rank == pytest.approx((values**2).sum() / values[0] ** 2, rel=1e-5)
        assert found.energy_rank == np.searchsorted(np.cumsum(values**2), 0.9 * (values**2).sum()) + 1
    else:
        assert (np.abs(np.array(found.values) - values[:16]) <= found.residual).all()
        assert found.energy_rank is None


def test_structured_figures_agree_to_a_thousandth(tmp_path, rng):
    w = rng.standard_normal((400, 300)).astype(np.float32)
    d = made.tuned(rng, w, 0.05)
    (tensor,) = diff_of(tmp_path, {"w": w}, {"w": (w + d).astype(np.float32)}).tensors
    values = np.linalg.svd(d, compute_uv=False)
    assert tensor.spectrum.stable_rank == pytest.approx((values**2).sum() / values[0] ** 2, rel=1e-3)
    assert tensor.spectrum.values[0] == pytest.approx(values[0], rel=1e-3)


def test_an_adapter_from_its_factors_is_the_merged_one(tmp_path, rng):
    base = made.llama(rng, 2, 64, 96)
    folder = made.save(tmp_path / "base", base)
    names = [n.removesuffix(".weight") for n in base if "q_proj" in n or "down_proj" in n]
    factors = {}
    for n in names:
        rows, columns = base[f"{n}.weight"].shape
        sides = 0.05 * rng.standard_normal((rows, 3)), 0.05 * rng.standard_normal((3, columns))
        factors[n] = tuple(side.astype(np.float32) for side in sides)
    lora = made.adapter(tmp_path / "lora", folder, factors, lora_alpha=6)
    merged = {n: w for n, w in base.items()}
    for n, (b, a) in factors.items():
        merged[f"{n}.weight"] = (base[f"{n}.weight"] + 2.0 * b.astype(float) @ a).astype(np.float32)
    made.save(tmp_path / "merged", merged)
    kept = {t.name: t for t in weight_diff(str(folder), str(lora)).tensors}
    for tensor in weight_diff(str(folder), str(tmp_path / "merged")).tensors:
        other = kept[tensor.name]
        assert other.status == tensor.status
        if tensor.status == "changed":
            assert other.relative == pytest.approx(tensor.relative, rel=1e-5)
            assert other.cosine == pytest.approx(tensor.cosine, abs=1e-5)
            assert (other.spectrum.rank, tensor.spectrum.rank) == (3, 3)
            np.testing.assert_allclose(other.spectrum.values[:3], tensor.spectrum.values[:3], rtol=1e-4)
    again = weight_diff(str(lora), str(tmp_path / "merged"))
    assert max(t.relative or 0 for t in again.tensors) < 1e-6
    back = weight_diff(str(folder), str(lora))
    assert back.kind.name == "adapter"
    assert "rank 3" in back.kind.evidence
    # Only the weights that the adapter acts on, and the adapter.
    weights = sum(base[f"{n}.weight"].nbytes for n in names)
    assert back.bytes_read == weights + sum(b.nbytes + a.nbytes for b, a in factors.values())
    assert weight_diff(str(lora), str(lora)).tensors[1].delta_norm == pytest.approx(0, abs=1e-9)


def test_what_has_no_counterpart_is_said(tmp_path, rng):
    w = rng.standard_normal((6, 4)).astype(np.float32)
    base = {"gone": w, "same": w, "grown": w, "other": w, "embed_tokens.weight": w}
    candidate = {"new": w, "same": w, "grown": np.vstack([w, w]), "other": w.T.copy(), "embed_tokens.weight": w[:5] * 2}
    diff = diff_of(tmp_path, base, candidate)
    found = {t.name: t for t in diff.tensors}
    statuses = {"gone": "absent", "new": "added", "same": "identical", "grown": "resized", "other": "resized",
                "embed_tokens.weight": "resized"}  # fmt: skip
    assert {name: t.status for name, t in found.items()} == statuses
    assert (found["grown"].changed, found["grown"].delta_norm) == (0.0, 0.0)
    assert found["grown"].norm == pytest.approx(np.linalg.norm(w))
    assert found["embed_tokens.weight"].changed == 1.0
    assert found["other"].norm is None
    assert diff.kind.confidence != "certain"


@pytest.mark.parametrize("which", ["base", "candidate"])
def test_a_tied_head_is_compared_with_the_embedding(tmp_path, rng, which):
    w = rng.standard_normal((30, 8)).astype(np.float32)
    tied, untied = {made.EMBEDDING: w}, {made.EMBEDDING: w, "lm_head.weight": w}
    base, candidate = (tied, untied) if which == "base" else (untied, tied)
    diff = diff_of(tmp_path, base, candidate)
    head = next(t for t in diff.tensors if t.name == "lm_head.weight")
    assert (head.status, head.tied) == ("identical", which)
    assert diff.kind.name == "identical"


def test_another_dtype_is_said(tmp_path, rng):
    w = made.rounded(rng.standard_normal((9, 8)), "BF16")
    diff = diff_of(tmp_path, {"w": w}, {"w": w}, ("BF16", "F32"))
    assert (diff.tensors[0].retyped, diff.tensors[0].changed, diff.tensors[0].relative) == (True, 0.0, 0.0)


def test_each_byte_is_read_once_and_progress_says_so(tmp_path, rng):
    class Bytes(Progress):
        total, done = 0, 0

        def stage(self, name, total):
            self.total = total

        def advance(self, steps=1):
            self.done += steps

    base = made.llama(rng, 2, 64, 96)
    candidate = made.mapped(base, lambda w: w * 1.01)
    progress = Bytes()
    diff = diff_of(tmp_path, base, candidate, progress=progress)
    assert diff.bytes_read == progress.done == progress.total == 2 * sum(w.nbytes for w in base.values())
    # The same files: nothing to read.
    assert weight_diff(str(tmp_path / "a"), str(tmp_path / "a")).bytes_read == 0


def test_the_order_of_work_changes_nothing(tmp_path, rng):
    base = made.llama(rng, 1, 288, 320)
    candidate = made.mapped(base, lambda w: w + made.tuned(rng, w, 0.01))
    first, second = (diff_of(tmp_path, base, candidate).model_dump(exclude={"seconds"}) for _ in range(2))
    assert first == second
    assert list(base) == [t["name"] for t in first["tensors"]]


def test_never_held_whole(tmp_path, rng):
    """24 pairs of 2 MB each side: the peak stays near two differences, far below one checkpoint."""
    base = {f"layers.{i}.w.weight": rng.standard_normal((512, 1024), np.float32) for i in range(24)}
    made.save(tmp_path / "a", base)
    made.save(tmp_path / "b", {name: w + 0.01 * rng.standard_normal(w.shape, np.float32) for name, w in base.items()})
    whole, one = sum(w.nbytes for w in base.values()), 512 * 1024 * 4
    del base
    from whatchanged.weights import diff as room

    patch = pytest.MonkeyPatch()
    patch.setattr(room, "SPARE", 0)
    tracemalloc.start()
    try:
        weight_diff(str(tmp_path / "a"), str(tmp_path / "b"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        patch.undo()
    assert peak < 0.75 * whole
    assert peak < 3 * 2 * one + (24 << 20)


def test_singular_triples_are_the_differences(tmp_path, rng):
    base = made.llama(rng, 1, 288, 320)
    name = "model.layers.0.mlp.down_proj.weight"
    candidate = made.mapped(base, lambda w: w + made.low_rank(rng, w, 2, 0.1), [name])
    a, b = made.save(tmp_path / "a", base), made.save(tmp_path / "b", candidate)
    ((found, t),) = singular_triples(str(a), str(b), [name])
    assert found == name
    np.testing.assert_allclose((t.left * t.values) @ t.right, candidate[name] - base[name], atol=1e-5)
    with pytest.raises(CheckpointError, match="no matrix"):
        list(singular_triples(str(a), str(b), ["model.norm.weight"]))


def test_the_record_survives_json(tmp_path, rng):
    base = made.llama(rng, 1, 32, 48)
    diff = diff_of(tmp_path, base, made.mapped(base, lambda w: w + made.tuned(rng, w, 0.1)))
    assert WeightDiff.model_validate(json.loads(diff.model_dump_json())) == diff
    assert diff.modules == tuple(sorted(diff.modules, key=lambda m: -m.relative))


def test_what_is_refused(tmp_path, rng):
    w = np.ones((4, 4), np.float32)
    with pytest.raises(CheckpointError, match="tensor w holds NaN"):
        diff_of(tmp_path, {"w": w}, {"w": np.where(np.eye(4), np.nan, w).astype(np.float32)})
    with pytest.raises(SpecError, match="rank=0"):
        diff_of(tmp_path, {"w": w}, {"w": w}, rank=0)
    file = tmp_path / "a" / "model.safetensors"
    made.save(tmp_path / "c", {"w": w})
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match="no readable safetensors"):
        weight_diff(str(tmp_path / "a"), str(tmp_path / "c"))


def test_two_gguf_files_as_they_are(tmp_path, rng):
    gguf = pytest.importorskip("gguf")
    kinds = gguf.GGMLQuantizationType
    values = rng.standard_normal((8, 64)).astype(np.float32)

    def written(name, kind):
        file = tmp_path / name
        writer = gguf.GGUFWriter(str(file), "llama")
        writer.add_tensor("blk.0.attn_q.weight", gguf.quants.quantize(values, kind), raw_dtype=kind)
        writer.add_tensor("output_norm.weight", values[0])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return str(file)

    diff = weight_diff(written("full.gguf", kinds.F32), written("small.gguf", kinds.Q4_0))
    assert (diff.kind.name, diff.kind.confidence) == ("rounded", "certain")
    assert "Q4_0: 4.5 bits a weight" in diff.kind.evidence
    widened = gguf.quants.dequantize(gguf.quants.quantize(values, kinds.Q4_0), kinds.Q4_0)
    assert diff.tensors[0].layer == 0
    assert diff.tensors[0].delta_norm == pytest.approx(np.linalg.norm(widened - values), rel=1e-5)
    assert diff.tensors[1].status == "identical"
