"""`read_directions`: exact factors, matched with the base's layers; what is no linear layer is named, not lost."""

from types import SimpleNamespace

import numpy as np
import planted
import pytest
import tiny
import torch
from safetensors.torch import load_file

from whatchanged.errors import AccessError
from whatchanged.subjects import Access, open_subjects, products
from whatchanged.weights.predict import read_directions


def dense(d):
    return (d.left * d.values) @ d.right.T


def test_an_adapters_factors_are_its_delta(tmp_path):
    base = tiny.llama(tmp_path / "base")
    lora = tiny.lora(base, tmp_path / "lora", seed=1)
    subject, _ = open_subjects([f"{base}+dtype=float32", f"{lora}+dtype=float32"])  # wraps the base's layers
    found = read_directions(str(base), str(lora), subject)
    stored = load_file(lora / "adapter_model.safetensors")
    assert len(found.modules) == 6
    assert found.skipped == ()
    for d in found.modules:
        a, b = (stored[f"base_model.model.{d.module}.lora_{side}.weight"].numpy() for side in "AB")
        np.testing.assert_allclose(dense(d), 2.0 * b @ a, atol=1e-5)
        assert d.left.shape == (len(b), 4)
        assert d.held == pytest.approx(1.0)
        inner = subject.engine.model.get_submodule(d.module).base_layer
        assert d.norm == pytest.approx(float(inner.weight.norm()), rel=1e-4)
        assert d.layer == int(d.module.split(".")[2])


def test_layers_are_found_on_a_processor_that_multiplies_in_float32_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(products, "native", lambda dtype: dtype == torch.float32)
    base = tiny.llama(tmp_path / "base")
    lora = tiny.lora(base, tmp_path / "lora", seed=1)
    found = read_directions(str(base), str(lora), open_subjects([str(base), str(lora)])[0])
    assert len(found.modules) == 6
    assert found.skipped == ()


@pytest.mark.parametrize("make", [tiny.neox, tiny.gpt2])
def test_directions_are_out_by_in_whatever_the_file_holds(tmp_path, make):
    """GPT-2 stores the transpose."""
    folder = make(tmp_path / "base")
    subject = planted.opened(folder)
    module = subject.engine.decoder
    path = next(n for n, m in subject.engine.model.named_modules() if n.endswith(("dense_4h_to_h", "mlp.c_proj")))
    weight = subject.engine.model.get_submodule(path).weight
    delta = np.random.default_rng(0).standard_normal(tuple(weight.shape))
    found = planted.directions(folder, tmp_path / "candidate", subject, {f"{path}.weight": delta})
    (d,) = found.modules
    assert dense(d).shape == (module.config.hidden_size, max(weight.shape))
    np.testing.assert_allclose(dense(d), delta.T if weight.shape[0] > weight.shape[1] else delta, atol=1e-5)


def test_only_the_leading_triples_of_a_large_matrix(tmp_path):
    base = tiny.llama(tmp_path / "base", hidden_size=288, intermediate_size=320, num_hidden_layers=1)
    subject = planted.opened(base)
    delta = np.random.default_rng(0).standard_normal((320, 288))
    candidate = planted.plant(base, tmp_path / "candidate", {"model.layers.0.mlp.up_proj.weight": delta})
    (d,) = read_directions(str(base), str(candidate), subject, rank=5).modules
    assert (d.left.shape, d.right.shape) == ((320, 5), (288, 5))
    true = np.linalg.svd(delta, compute_uv=False)
    assert d.held == pytest.approx((d.values**2).sum() / (true**2).sum(), rel=1e-4)
    assert d.held < 0.2


def test_what_is_no_linear_layer_is_skipped_by_name(tmp_path):
    base = tiny.llama(tmp_path / "base")
    subject = planted.opened(base)
    names = ["model.embed_tokens.weight", "model.norm.weight", "model.layers.1.mlp.up_proj.weight"]
    shapes = {n: p.shape for n, p in subject.engine.model.named_parameters()}
    found = planted.directions(base, tmp_path / "c", subject, {n: np.ones(tuple(shapes[n])) for n in names})
    assert [d.name for d in found.modules] == names[2:]
    assert found.modules[0].values.shape == (1,)  # the others are rounding
    assert sorted(found.skipped) == names[:2]


def test_names_of_a_bare_decoder(tmp_path):
    base = tiny.llama(tmp_path / "base")

    def bare(tensors):
        for name in list(tensors):
            tensors[name.removeprefix("model.")] = tensors.pop(name)

    def changed(tensors):
        bare(tensors)
        tensors["layers.0.self_attn.o_proj.weight"] += torch.eye(32)

    specs = [str(tiny.copied(base, tmp_path / name, edit)) for name, edit in (("a", bare), ("b", changed))]
    (d,) = read_directions(*specs, planted.opened(base)).modules
    assert d.module == "model.layers.0.self_attn.o_proj"
    np.testing.assert_allclose(dense(d), np.eye(32), atol=1e-5)


def test_without_weights_there_is_nothing_to_hook():
    with pytest.raises(AccessError, match="needs 'weights'"):
        read_directions("a", "b", SimpleNamespace(name="served", access=Access.logprobs))
