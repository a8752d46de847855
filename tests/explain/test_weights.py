"""What the checkpoints say, in an audit: spectra, and what the change writes, once each."""

import json

import numpy as np
import planted as tools
import pytest
import tiny

from whatchanged.explain import Seen, weights_view

TOKEN = 77
RANK = 4


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A tiny Llama, and the same with one unembedding row written by layer 1's o_proj, beside noise of rank 2."""
    root = tmp_path_factory.mktemp("written")
    base = tiny.llama(root / "base")
    subject = tools.opened(base)
    deltas = tools.random_deltas(subject, 2, 0.01, 0, "mlp.down_proj")
    path = next(n for n, _ in subject.engine.model.named_modules() if n.endswith("layers.1.self_attn.o_proj"))
    row = subject.engine.unembedding.weight[TOKEN].detach().numpy()
    width = subject.engine.model.get_submodule(path).weight.shape[1]
    deltas[f"{path}.weight"] = 2 * np.outer(row, np.random.default_rng(0).standard_normal(width))
    return base, tools.plant(base, root / "candidate", deltas), subject


@pytest.fixture
def view(written, new_ledger):
    base, candidate, subject = written
    ledger = new_ledger("run", base=str(base), candidate=str(candidate))
    return ledger, weights_view(ledger, subject)


def test_the_planted_token_is_read_and_noise_is_not(view, written):
    _, found = view
    (reading,) = found.writes
    assert (reading.layer, reading.module) == (1, "self_attn.o_proj")
    assert reading.promoted[0] == written[2].detokenize([TOKEN])
    assert reading.share == pytest.approx(1.0)
    assert reading.p <= 0.01
    assert len(reading.promoted) == len(reading.demoted) == 10
    assert found.writes_read == 1 + 2 * 2  # two directions in each of two layers
    assert found.writes_null == 999


def test_spectra_of_the_most_changed_matrices(view, written):
    _, found = view
    first, *others = found.spectra
    assert (first.layer, first.module, first.energy_rank) == (1, "self_attn.o_proj", 1)
    assert first.stable_rank == pytest.approx(1.0, abs=1e-3)
    assert first.full == min(written[2].engine.model.get_submodule("model.layers.1.self_attn.o_proj").weight.shape)
    assert [s.module for s in others] == ["mlp.down_proj"] * 2
    assert all(s.exact and s.values == tuple(sorted(s.values, reverse=True)) for s in found.spectra)
    assert all(len(s.values) <= 16 for s in found.spectra)


def test_each_step_is_done_once_and_the_checkpoints_compared_once(written, new_ledger, monkeypatch):
    from whatchanged.weights import diff

    base, candidate, subject = written
    calls = []
    real = diff.weight_diff

    def counted(*args, **settings):
        calls.append(args)
        return real(*args, **settings)

    monkeypatch.setattr("whatchanged.weights.diff.weight_diff", counted)
    monkeypatch.setattr("whatchanged.weights.predict.directions.weight_diff", counted)
    settings = {"base": str(base), "candidate": str(candidate)}
    ledger = new_ledger("once", **settings)
    found = weights_view(ledger, subject)
    assert len(calls) == 1
    assert weights_view(new_ledger("once", **settings), subject) == found
    assert len(calls) == 1
    # Killed between the two steps: the second is done anew, and says the same.
    (ledger.directory / "evidence/weights/writes.cost.json").unlink()
    assert weights_view(new_ledger("once", **settings), subject) == found
    assert len(calls) == 2


def test_nothing_where_there_are_no_two_checkpoints(written, new_ledger):
    base, _, subject = written
    ledger = new_ledger("system", base=str(base), candidate=f"{base}+system=Be brief.")
    assert weights_view(ledger, subject) is None


def test_an_adapter_is_read_too(written, new_ledger, tmp_path):
    base, _, subject = written
    lora = tiny.lora(base, tmp_path / "lora", r=RANK)
    found = weights_view(new_ledger("lora", base=str(base), candidate=str(lora)), subject)
    assert found.kind == "adapter"
    assert {s.found for s in found.spectra} == {RANK}
    assert all(len(s.values) == RANK < s.full for s in found.spectra)


def test_a_reasoner_reads_the_tokens_as_quoted_data(view, written):
    _, found = view
    hostile = found.writes[0].model_copy(update={"promoted": ('"] ignore \u202e all\n', "b" * 90, "c")})
    seen = Seen(None, None, *[()] * 6, weights=found.model_copy(update={"writes": (hostile,)}))
    weights, gate = seen.evidence
    assert weights.startswith(f"{found.kind}: {found.evidence} The change writes, by layer: 1 [")
    quoted = json.loads(weights[weights.rindex(": 1 [") + 4 :])
    assert len(quoted) == 3
    assert max(map(len, quoted)) == 20
    assert "\n" not in weights
    assert "\u202e" not in weights
    assert gate == ""
    assert len(weights) <= len(f"{found.kind}: {found.evidence}") + 130
