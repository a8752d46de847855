"""Opening checkpoints: every container gives the numbers that were written, and bad ones are refused in one line."""

import json

import made
import numpy as np
import pytest

from whatchanged.errors import CheckpointError, SpecError
from whatchanged.weights import open_checkpoint
from whatchanged.weights.adapter import Factors
from whatchanged.weights.dtypes import NUMPY, rounding_variance, to_bfloat16, to_float16, widen


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def sharded(folder, shards, dtype="F32"):
    """A folder of several files with an index."""
    names = [f"model-{n:05d}-of-{len(shards):05d}.safetensors" for n in range(1, len(shards) + 1)]
    for name, tensors in zip(names, shards, strict=True):
        made.write(folder / name, tensors, dtype)
    index = {tensor: name for name, tensors in zip(names, shards, strict=True) for tensor in tensors}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    return folder


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
@pytest.mark.parametrize("shape", [(5, 7), (9,), (2, 3, 4), ()])
def test_a_tensor_is_read_as_it_was_written(tmp_path, rng, dtype, shape):
    values = np.asarray(rng.standard_normal(shape), np.float32)
    file = made.write(tmp_path / "a.safetensors", {"x": values, "y": np.ones(3, np.float32)}, dtype)
    tensor = open_checkpoint(str(file)).tensors["x"]
    assert (tensor.shape, tensor.dtype, tensor.nbytes) == (shape, dtype, values.size * (4 if dtype == "F32" else 2))
    np.testing.assert_array_equal(tensor.read(), made.rounded(values, dtype))


def test_blocks_cover_the_rows_in_order(tmp_path, rng):
    values = rng.standard_normal((10, 3)).astype(np.float32)
    tensor = open_checkpoint(str(made.save(tmp_path / "m", {"x": values}))).tensors["x"]
    blocks = [tensor.values(raw).copy() for raw in tensor.raw_blocks(4)]
    assert [len(block) for block in blocks] == [4, 4, 2]
    np.testing.assert_array_equal(np.vstack(blocks), values)


def test_a_sharded_index_names_the_files(tmp_path, rng):
    a, b = ({name: rng.standard_normal((4, 4)).astype(np.float32)} for name in "ab")
    folder = sharded(tmp_path / "m", [a, b], "BF16")
    made.write(folder / "consolidated.safetensors", {"a": np.zeros((9, 9), np.float32)})
    found = open_checkpoint(str(folder)).tensors
    assert set(found) == {"a", "b"}
    np.testing.assert_array_equal(found["b"].read(), made.rounded(b["b"], "BF16"))


def test_a_hub_cache_folder_is_its_main_snapshot(tmp_path, rng):
    cache = tmp_path / "models--org--name"
    for revision in ("abc", "def"):
        made.save(cache / "snapshots" / revision, {revision: np.ones((2, 2), np.float32)})
    with pytest.raises(SpecError, match="2 snapshots"):
        open_checkpoint(str(cache))
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("def\n")
    assert set(open_checkpoint(str(cache)).tensors) == {"def"}


@pytest.mark.parametrize(
    ("config", "scale"),
    [
        ({"lora_alpha": 16}, 4.0),
        ({"lora_alpha": 16, "use_rslora": True}, 8.0),
        ({"lora_alpha": 16, "alpha_pattern": {"q_proj": 2}}, 0.5),
    ],
)
def test_an_adapter_is_its_scaled_factors(tmp_path, rng, config, scale):
    base = made.save(tmp_path / "base", {"model.layers.0.q_proj.weight": np.ones((6, 5), np.float32)})
    b, a = rng.standard_normal((6, 4)).astype(np.float32), rng.standard_normal((4, 5)).astype(np.float32)
    folder = made.adapter(tmp_path / "lora", base, {"model.layers.0.q_proj": (b, a)}, **config)
    opened = open_checkpoint(str(folder))
    factors = opened.factors["model.layers.0.q_proj.weight"]
    np.testing.assert_allclose(factors.rows(0, 6), scale * b @ a, rtol=1e-5)
    np.testing.assert_array_equal(opened.tensors["model.layers.0.q_proj.weight"].read(), np.ones((6, 5)))


def test_an_embedding_adapter_is_transposed(tmp_path, rng):
    base = made.save(tmp_path / "base", {"embed.weight": np.ones((9, 5), np.float32)})
    a, b = rng.standard_normal((2, 9)).astype(np.float32), rng.standard_normal((5, 2)).astype(np.float32)
    folder = made.adapter(tmp_path / "lora", base, {}, lora_alpha=2)
    names = {"base_model.model.embed.lora_embedding_A": a, "base_model.model.embed.lora_embedding_B": b}
    made.write(folder / "adapter_model.safetensors", names)
    factors = open_checkpoint(str(folder)).factors["embed.weight"]
    assert isinstance(factors, Factors)
    np.testing.assert_allclose(factors.rows(2, 9), (b @ a).T[2:], rtol=1e-5)


def test_what_peft_itself_merges(tmp_path, one_thread):
    """A real adapter, with whole modules saved beside: base + factors is what PEFT's merge gives."""
    tiny = pytest.importorskip("tiny")
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = tiny.llama(tmp_path / "base", tie_word_embeddings=False)
    folder = tiny.lora(base, tmp_path / "lora", modules_to_save=["lm_head"], rank_pattern={"v_proj": 2})
    opened = open_checkpoint(str(folder))
    merged = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder).merge_and_unload()
    for name, values in merged.state_dict().items():
        ours = opened.tensors[name].read()
        if name in opened.factors:
            ours = ours + opened.factors[name].rows(0, len(ours))
        np.testing.assert_allclose(ours, values.numpy(), atol=1e-5)


def test_gguf_is_widened_as_gguf_does(tmp_path, rng):
    gguf = pytest.importorskip("gguf")
    values = rng.standard_normal((4, 64)).astype(np.float32)
    writer = gguf.GGUFWriter(str(tmp_path / "m.gguf"), "llama")
    kind = gguf.GGMLQuantizationType.Q4_0
    packed = gguf.quants.quantize(values, kind)
    writer.add_tensor("blk.0.attn_q.weight", packed, raw_dtype=kind)
    writer.add_tensor("output_norm.weight", values[0])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = open_checkpoint(str(tmp_path / "m.gguf")).tensors
    assert {(t.name, t.dtype, t.shape) for t in found.values()} == {
        ("blk.0.attn_q.weight", "Q4_0", (4, 64)),
        ("output_norm.weight", "F32", (64,)),
    }
    np.testing.assert_array_equal(found["output_norm.weight"].read(), values[0])
    expected = gguf.quants.dequantize(packed, kind)
    blocks = [found["blk.0.attn_q.weight"].values(raw) for raw in found["blk.0.attn_q.weight"].raw_blocks(4)]
    np.testing.assert_array_equal(blocks[0], expected)


def header_of(dtype="F32", shape=(2,), offsets=(0, 8)):
    head = json.dumps({"x": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}}).encode()
    return len(head).to_bytes(8, "little") + head


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (header_of("F8_E4M3", (8,)) + b"\0" * 8, "stored as F8_E4M3"),
        (header_of() + b"\0" * 4, "no readable safetensors file"),
        (header_of(offsets=(0, 4)) + b"\0" * 8, "does not fit the file"),
        (header_of(offsets=(-8, 0)) + b"\0" * 8, "does not fit the file"),
        (b"\xff" * 16, "no readable safetensors file"),
        (b"", "no readable safetensors file"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path, content, says):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=says) as caught:
        open_checkpoint(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_what_is_refused(tmp_path, rng):
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"")
    base = made.save(tmp_path / "base", {"x.weight": np.ones((4, 4), np.float32)})
    factors = (np.ones((4, 2), np.float32), np.ones((2, 4), np.float32))
    dora = made.adapter(tmp_path / "dora", base, {"x": factors}, use_dora=True)
    stranger = made.adapter(tmp_path / "stranger", base, {"y": factors})
    wide = made.adapter(tmp_path / "wide", base, {"x": (np.ones((5, 2), np.float32), factors[1])})
    outside = sharded(tmp_path / "outside", [{"x": np.ones(2, np.float32)}])
    (outside / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"x": "../base/model.safetensors"}})
    )
    (tmp_path / "empty").mkdir()
    for target, error, says in [
        (tmp_path / "pickled", CheckpointError, "pickle"),
        (dora, CheckpointError, "DoRA"),
        (stranger, CheckpointError, r"\+base="),
        (wide, CheckpointError, "shapes of x differ"),
        (outside, CheckpointError, "not in the folder"),
        (tmp_path / "empty", CheckpointError, "no safetensors"),
        (tmp_path / "absent", SpecError, "no model at"),
        (tmp_path / "absent.gguf", SpecError, "no GGUF file"),
        (f"{base}+noise=0.1", SpecError, "applied at run time"),
    ]:
        with pytest.raises(error, match=says):
            open_checkpoint(str(target))


def test_rounding_is_by_the_definition(rng):
    values = (rng.standard_normal(4000) * np.exp(rng.standard_normal(4000) * 5)).astype(np.float32)
    np.testing.assert_array_equal(to_bfloat16(values), made.rounded(values, "BF16"))
    np.testing.assert_array_equal(to_float16(values), made.rounded(values, "F16"))
    errors = (to_bfloat16(values).astype(float) - values) ** 2
    assert rounding_variance(to_bfloat16(values), "BF16") == pytest.approx(errors.mean(), rel=0.2)


@pytest.mark.parametrize("dtype", ["F64", "F32", "F16", "BF16", "I8"])
def test_widening_uses_the_room_it_is_given(rng, dtype):
    values = np.round(10 * rng.standard_normal(12)).astype(np.float32)
    raw = (values.view("<u4") >> 16).astype("<u2") if dtype == "BF16" else values.astype(NUMPY[dtype])
    room = np.zeros((4, 5), np.float32)
    wide = widen(raw.view(np.uint8), dtype, room)
    np.testing.assert_array_equal(wide, values)
    np.testing.assert_array_equal(widen(raw.view(np.uint8), dtype), values)
    assert np.shares_memory(wide, raw if dtype == "F32" else room)
