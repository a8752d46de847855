"""Read energy against plain torch, module by module, whatever the batches."""

import numpy as np
import planted
import pytest
import tiny
import torch

from whatchanged.records import Message, Prompt
from whatchanged.subjects import open_subjects
from whatchanged.weights.predict import ReadDirections, read_directions, read_energy
from whatchanged.weights.predict import energy as room
from whatchanged.weights.predict.energy import relative

PROMPTS = [
    Prompt.user("What is the capital of France?"),
    Prompt.user("the sea"),
    Prompt(messages=(Message(role="system", content="Be brief."), Message(role="user", content="a poem"))),
    Prompt.user("Please write a short poem about the sea, and then explain it to the reader. " * 3),
    Prompt.user("!"),
]


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(params=[tiny.llama, tiny.neox], ids=["llama", "neox"])
def pair(request, tmp_path):
    base = request.param(tmp_path / "base")
    subject = planted.opened(base)
    deltas = planted.random_deltas(subject, 3, 0.1, seed=0)
    return subject, deltas, planted.directions(base, tmp_path / "candidate", subject, deltas)


def direct(subject, deltas, prompt):
    """{path: float[positions]} after the shared prefix: |dW h| / |W h| from one run of the whole sequence."""
    ids = subject.encode(prompt)
    paths = [name.removesuffix(".weight") for name in deltas]
    skipped = subject.common_prefix([ids])
    found = {}
    for path, h in planted.inputs(subject, ids, paths).items():
        weight = subject.engine.model.get_submodule(path).weight.detach()
        change = h @ torch.from_numpy(deltas[f"{path}.weight"]).float().T
        found[path] = (change.norm(dim=-1) / (h @ weight.T).norm(dim=-1)).numpy(force=True)[skipped:]
    return found


def test_every_module_of_every_prompt(pair):
    subject, deltas, directions = pair
    found = read_energy(subject, directions, PROMPTS)
    assert {f"{m}.weight" for m in found.modules} == set(deltas)
    assert found.peak.shape == (len(PROMPTS), len(deltas))
    assert found.prompt_ids == tuple(p.id for p in PROMPTS)
    for n, prompt in enumerate(PROMPTS):
        true = direct(subject, deltas, prompt)
        for m, path in enumerate(found.modules):
            assert found.peak[n, m] == pytest.approx(true[path].max(), rel=1e-3)
            assert found.last[n, m] == pytest.approx(true[path][-1], rel=1e-3)


def test_batches_change_nothing(pair, monkeypatch):
    subject, _, directions = pair
    found = [read_energy(subject, directions, PROMPTS, batch_tokens=size) for size in (1, 100, 100_000)]
    monkeypatch.setattr(room, "CACHE_BYTES", 1)  # one row at a time beside the prefix's keys and values
    found.append(read_energy(subject, directions, PROMPTS[::-1]))
    for other in found[1:3]:
        np.testing.assert_allclose(other.peak, found[0].peak, rtol=1e-3)
        np.testing.assert_allclose(other.last, found[0].last, rtol=1e-3)
    np.testing.assert_allclose(found[3].scores[::-1], found[0].scores, rtol=1e-3)


def test_the_layers_of_a_base_that_is_an_adapter(tmp_path):
    """W is the base's with its adapter; another adapter in the same engine does not count."""
    base = tiny.llama(tmp_path / "base")
    loras = [tiny.lora(base, tmp_path / name, seed) for seed, name in enumerate("ab", start=1)]
    below, subject, _ = open_subjects([f"{folder}+dtype=float32" for folder in (base, *loras)])
    found = read_energy(subject, read_directions(str(loras[0]), str(loras[1]), subject), PROMPTS[:1])
    assert below.engine is subject.engine
    assert below.engine.peft is not None

    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    def merged(folder):
        plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        return PeftModel.from_pretrained(plain, folder).merge_and_unload().eval()

    a, b = map(merged, loras)
    path, ids = "model.layers.1.mlp.down_proj", subject.encode(PROMPTS[0])
    seen = []
    a.get_submodule(path).register_forward_hook(lambda module, args, output: seen.append((args[0][0], output[0])))
    with torch.inference_mode():
        a(torch.tensor([ids]))
        ((h, out),) = seen
        delta = b.get_submodule(path).weight - a.get_submodule(path).weight
        true = (h @ delta.T).norm(dim=-1) / out.norm(dim=-1)
    m = found.modules.index(path)
    assert found.last[0, m] == pytest.approx(float(true[-1]), rel=1e-3)
    assert found.peak[0, m] == pytest.approx(float(true[subject.common_prefix([ids]) :].max()), rel=1e-3)


def test_no_module_dominates_the_score():
    table = np.array([[1.0, 100.0, 0.0, 0.0], [2.0, 200.0, 0.0, 0.0], [3.0, 900.0, 6.0, 0.0]], np.float32)
    np.testing.assert_allclose(relative(table), [[0.5, 0.5, 0, 0], [1, 1, 0, 0], [1.5, 4.5, 3, 0]])


def test_nothing_changed(pair):
    found = read_energy(pair[0], ReadDirections(()), PROMPTS)
    assert found.modules == ()
    assert (found.scores == 0).all()
    assert len(found.last_scores) == len(PROMPTS)


def test_hooks_are_gone_afterwards(pair):
    subject, _, directions = pair
    read_energy(subject, directions, PROMPTS)
    assert not any(module._forward_hooks for module in subject.engine.model.modules())
