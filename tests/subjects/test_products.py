"""Products in half precision without instructions for them: the same numbers, and nothing else changes."""

import gc
import weakref

import pytest
import torch
from scoring import scored
from torch import nn

from whatchanged.records import Prompt
from whatchanged.subjects import Context, open_subjects, products
from whatchanged.subjects.products import Widened, native, widen

HALVES = [torch.bfloat16, torch.float16]


@pytest.fixture
def lacking(monkeypatch):
    """A processor that multiplies in float32 alone."""
    monkeypatch.setattr(products, "native", lambda dtype: dtype == torch.float32)


def layer(dtype, bias=True):
    torch.manual_seed(0)
    return nn.Linear(24, 50, bias=bias).to(dtype)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("piece", [1, 24 * 7, 2**21])
def test_is_the_product_in_float32_rounded_once(lacking, monkeypatch, dtype, bias, piece):
    monkeypatch.setattr(products, "PIECE", piece)
    made, rows = layer(dtype, bias), torch.randn(3, 40, 24).to(dtype)
    exact = rows.double() @ made.weight.double().T + (made.bias.double() if bias else 0)
    widen(made)
    assert type(made) is Widened
    found = made(rows)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), exact.to(dtype).double(), rtol=torch.finfo(dtype).eps, atol=1e-5)


def test_few_rows_are_multiplied_as_before(lacking):
    made, rows = layer(torch.bfloat16), torch.randn(products.ROWS - 1, 24).bfloat16()
    before = made(rows)
    widen(made)
    assert torch.equal(made(rows), before)


def test_gradients_are_those_of_the_layer(lacking):
    plain, wide = layer(torch.bfloat16), layer(torch.bfloat16)
    widen(wide)
    rows = [torch.ones(40, 24, dtype=torch.bfloat16, requires_grad=True) for _ in range(2)]
    for made, x in zip((plain, wide), rows, strict=True):
        made(x).float().square().sum().backward()
    for ours, theirs in ((wide.weight.grad, plain.weight.grad), (rows[1].grad, rows[0].grad)):
        torch.testing.assert_close(ours, theirs, rtol=0.02, atol=0.02)


def test_a_changed_weight_counts_at_once(lacking):
    made, rows = layer(torch.bfloat16, bias=False), torch.ones(40, 24, dtype=torch.bfloat16)
    widen(made)
    assert made(rows).any()
    made.weight.data.zero_()
    assert not made(rows).any()


def test_float32_and_what_the_processor_can_do_stay_as_they_are(lacking, monkeypatch):
    exact = layer(torch.float32)
    widen(exact)
    assert type(exact) is nn.Linear
    monkeypatch.setattr(products, "native", lambda dtype: True)
    half = layer(torch.bfloat16)
    widen(half)
    assert type(half) is nn.Linear


@pytest.mark.parametrize(
    ("has", "dtype", "expected"),
    [
        ({"architecture": "x86_64", "avx512_bf16": True}, torch.bfloat16, True),
        ({"architecture": "x86_64", "avx512_bf16": False, "amx_bf16": True}, torch.bfloat16, True),
        ({"architecture": "x86_64", "avx512_bf16": False}, torch.bfloat16, False),
        ({"architecture": "x86_64", "avx512_bf16": True}, torch.float16, False),
        ({"architecture": "x86_64"}, torch.float32, True),
        ({"architecture": "aarch64"}, torch.bfloat16, True),
        ({}, torch.bfloat16, True),
    ],
)
def test_what_the_processor_says(monkeypatch, has, dtype, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has, raising=False)
    assert native(dtype) is expected


def test_an_older_torch_tells_nothing(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert native(torch.bfloat16)


@pytest.mark.parametrize("name", ["base", "a", "neox"])
def test_a_model_says_the_same_with_and_without(folders, monkeypatch, name):
    """Its adapter's layers included."""
    found = {}
    for has in (True, False):
        monkeypatch.setattr(products, "native", lambda dtype, has=has: has or dtype == torch.float32)
        (subject,) = open_subjects([str(folders[name])], check_vocabulary=False)
        linear = [m for m in subject.engine.model.modules() if isinstance(m, nn.Linear)]
        assert linear
        assert all(type(m) is (nn.Linear if has else Widened) for m in linear)
        prompts = [subject.encode(Prompt.user(text)) for text in ("What is the capital of France?", "hi")]
        asked = [Context(p, subject.tokenize("The capital of France"), 0) for p in prompts]
        found[has] = scored(subject, asked).exp()
    assert (found[True] - found[False]).abs().max() < 0.03


def test_the_way_back_keeps_no_wide_weights(lacking, monkeypatch):
    """They would take twice what the model does, all at once."""
    made = layer(torch.bfloat16).requires_grad_(False)
    widen(made)
    linear, wide = nn.functional.linear, []

    def noting(rows, weight, bias):
        # The memory itself: the tensor may go and what autograd saved of it stay.
        wide.append(weakref.ref(weight.untyped_storage()))
        return linear(rows, weight, bias)

    monkeypatch.setattr(nn.functional, "linear", noting)
    rows = torch.ones(40, 24, dtype=torch.bfloat16, requires_grad=True)
    out = made(rows)
    gc.collect()
    assert [ref() for ref in wide] == [None]
    out.float().sum().backward()
    torch.testing.assert_close(rows.grad.float(), made.weight.float().sum(0).expand(40, 24), rtol=0.01, atol=0.01)


def test_derivatives_forward_agree(lacking):
    made, rows, step = layer(torch.bfloat16), torch.randn(40, 24).bfloat16(), torch.randn(40, 24).bfloat16()
    _, plain = torch.func.jvp(made, (rows,), (step,))
    widen(made)
    _, wide = torch.func.jvp(made, (rows,), (step,))
    torch.testing.assert_close(wide, plain, rtol=0.02, atol=0.02)
