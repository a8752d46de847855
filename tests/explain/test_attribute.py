"""Shares sum to the effect, equal a finite-difference integral, and find the tensor that carries a plant."""

import numpy as np
import pytest
import tiny
import torch
from plant import CITY, SAYS, SEA, digests, exact
from words import WordSubject

from whatchanged.elicit import opening_probabilities
from whatchanged.errors import AccessError, CheckpointError, SpecError
from whatchanged.explain.attribute import attribute, attribution, integrate
from whatchanged.explain.change import Change
from whatchanged.explain.score import Score
from whatchanged.records import Prompt


@pytest.mark.parametrize(("base", "candidate"), [("llama", "lora"), ("llama", "full"), ("neox", "neox_full")])
def test_the_shares_sum_to_the_effect(planted, base, candidate):
    subjects = exact(planted[base], planted[candidate])
    before = digests(*subjects)
    found = attribute(*subjects, ["Paris"], SEA)
    assert digests(*subjects) == before
    assert found.score_candidate - found.score_base > 3
    assert abs(found.completeness - 1) <= 0.02
    total = found.completeness * (found.score_candidate - found.score_base)
    for parts in (found.modules, found.layers, found.kinds):
        assert sum(p.share for p in parts) == pytest.approx(total, rel=1e-4)
        assert sum(p.energy for p in parts) == pytest.approx(1, rel=1e-4)
        assert [p.share for p in parts] == sorted((p.share for p in parts), reverse=True)
    for module in found.modules[:16]:
        assert bool(module.directions) == module.name.endswith(".weight")
        if module.directions:
            assert sum(d.share for d in module.directions) == pytest.approx(module.share, abs=2e-3)


def test_the_score_is_the_scored_predicates_log_odds(planted):
    subjects = exact(planted["llama"], planted["lora"])
    found = attribute(*subjects, ["Paris", "What", "Paris is"], SEA[:5])
    for subject, score in zip(subjects, (found.score_base, found.score_candidate), strict=True):
        p, _ = opening_probabilities(subject, SEA[:5], ["Paris", "What", "Paris is"])
        assert score == pytest.approx(np.mean(np.log(p) - np.log1p(-p)), rel=1e-4)
    assert found.prompts == 5


def test_shares_equal_a_finite_difference_path_integral(planted, tmp_path):
    names = ("model.layers.0.mlp.up_proj.weight", "model.layers.1.self_attn.o_proj.weight")

    def nudge(tensors):
        generator = torch.Generator().manual_seed(3)
        for name in names:
            tensors[name] += 0.1 * torch.randn(tensors[name].shape, generator=generator)

    other = tiny.copied(planted["llama"], tmp_path / "nudged", nudge)
    change = Change(*exact(planted["llama"], other))
    score = Score(change, SEA[:4], ["Paris"])
    found = integrate(change, score)
    assert set(found.shares) == set(names)
    steps, h = 40, 0.01
    expected = dict.fromkeys(names, 0.0)
    for a in (np.arange(steps) + 0.5) / steps:
        for name in names:
            sides = []
            for side in (-h, h):
                change.place(a, {name: a + side})
                sides.append(score.log_odds())
            expected[name] += (sides[1] - sides[0]) / (2 * h) / steps
    for name in names:
        assert found.shares[name] == pytest.approx(expected[name], rel=0.01, abs=0.01)
    assert sum(found.shares.values()) == pytest.approx(found.effect, rel=0.02, abs=1e-4)


def test_the_tensor_that_carries_a_plant_comes_first(planted, tmp_path):
    carrier = "model.layers.1.mlp.down_proj.weight"
    from safetensors.torch import load_file

    tuned = load_file(planted["full"] / "model.safetensors")

    def change(tensors):
        generator = torch.Generator().manual_seed(0)
        for name in tensors:
            if name.endswith("_proj.weight"):
                tensors[name] += 1e-3 * torch.randn(tensors[name].shape, generator=generator)
        tensors[carrier] = tensors[carrier] + 2 * (tuned[carrier] - tensors[carrier])

    other = tiny.copied(planted["llama"], tmp_path / "one", change)
    found = attribute(*exact(planted["llama"], other), ["Paris"], SEA)
    assert found.modules[0].name == carrier
    assert (found.modules[0].layer, found.modules[0].module) == (1, "mlp.down_proj")
    assert found.layers[0].name == "1"
    assert found.modules[0].share > 0.8 * (found.score_candidate - found.score_base) > 0


def test_tied_embeddings_are_one_tensor_and_a_head_of_its_own_is_another(planted, tmp_path):
    def shift(tensors):
        (name,) = (n for n in tensors if "embed" in n)
        tensors[name] += 0.02 * torch.randn(tensors[name].shape, generator=torch.Generator().manual_seed(1))

    tied = tiny.copied(planted["llama"], tmp_path / "tied", shift)
    found = attribute(*exact(planted["llama"], tied), ["Paris"], SEA[:4])
    assert found.order == ("model.embed_tokens.weight",)
    assert found.modules[0].layer is None
    assert abs(found.completeness - 1) <= 0.02
    untied = tiny.llama(tmp_path / "untied", tie_word_embeddings=False)
    change = Change(*exact(planted["llama"], untied))
    assert "lm_head.weight" in change.deltas
    assert change.engine.model.lm_head.weight is not change.engine.model.model.embed_tokens.weight


def test_adapters_that_cannot_be_switched_off_and_adapters_on_another_base(planted, tmp_path):
    own = tiny.lora(planted["llama"], tmp_path / "own", bias="all", target_modules=["q_proj", "lm_head"])
    subjects = exact(planted["llama"], own)
    change = Change(*subjects)
    change.place(1.0)
    p, _ = opening_probabilities(subjects[1], SEA[:4], ["Paris"])
    np.testing.assert_allclose(Score(change, SEA[:4], ["Paris"]).probabilities(), p, rtol=1e-3)
    dora = tiny.lora(planted["llama"], tmp_path / "dora", use_dora=True)
    subjects = exact(planted["llama"], planted["lora"], dora)
    for pair in (subjects[1:], (subjects[2], subjects[0])):
        change = Change(*pair)
        for share, subject in enumerate(pair):
            change.place(float(share))
            p, _ = opening_probabilities(subject, SEA[:4], ["Paris"])
            np.testing.assert_allclose(Score(change, SEA[:4], ["Paris"]).probabilities(), p, rtol=1e-3)


def test_points_are_doubled_until_the_integral_is_complete(planted):
    change = Change(*exact(planted["llama"], planted["lora"]))
    found = attribution(change, Score(change, SEA, ["Paris"]), points=1)
    assert found.points in (2, 4, 8, 16, 32, 64)
    assert abs(found.completeness - 1) <= 0.02


def test_certain_and_impossible_openings_have_finite_scores(planted):
    change = Change(*exact(planted["llama"], planted["lora"]))
    for parameter in change.parameters.values():
        parameter.requires_grad_(True)
    words = [change.base.detokenize([i]) for i in range(3, 300)]
    for phrases in (["Paris Paris Paris Paris Paris Paris Paris Paris Paris Paris"], words):
        score = Score(change, SEA[:2], phrases, temperature=0.2)
        assert np.isfinite(score.log_odds())
        score.backward(1.0)
        assert all(torch.isfinite(p.grad).all() for p in change.parameters.values())


def test_the_same_model_has_nothing_to_attribute(planted):
    found = attribute(*exact(planted["llama"], planted["llama"]), ["Paris"], SEA[:2])
    assert (found.modules, found.completeness, found.score_base) == ((), 1.0, found.score_candidate)


def test_a_falling_score_is_carried_by_negative_shares(planted):
    found = attribute(*exact(planted["lora"], planted["llama"]), ["Paris"], SEA)
    assert found.score_candidate < found.score_base
    assert found.modules[0].share < 0
    assert [m.share for m in found.modules] == sorted(m.share for m in found.modules)
    assert abs(found.completeness - 1) <= 0.02


@pytest.mark.parametrize(
    ("specs", "prompts", "phrases", "error"),
    [
        (("{llama}", "{llama}+system=Be brief"), CITY, ["Paris"], SpecError),
        (("{llama}", "{llama}+steer={vector}:0:1"), CITY, ["Paris"], SpecError),
        (("{llama}", "{deeper}"), CITY, ["Paris"], CheckpointError),
        (("{llama}", "{lora}"), (), ["Paris"], SpecError),
        (("{llama}", "{lora}"), CITY, [""], SpecError),
    ],
)
def test_what_no_weights_carry_is_one_line(planted, tmp_path, specs, prompts, phrases, error):
    np.save(tmp_path / "v.npy", np.ones(32, np.float32))
    deeper = tiny.llama(tmp_path / "deeper", intermediate_size=64)
    from whatchanged.subjects import open_subjects

    names = planted | {"vector": tmp_path / "v.npy", "deeper": deeper}
    subjects = open_subjects([spec.format(**names) for spec in specs])
    with pytest.raises(error) as caught:
        attribute(*subjects, phrases, prompts)
    assert "\n" not in str(caught.value)


def test_subjects_without_weights_are_refused(planted):
    with pytest.raises(AccessError):
        attribute(WordSubject(), WordSubject(), ["a"], [Prompt.user("a")])


def test_plants_are_what_the_other_tests_take_them_for(planted):
    both = exact(planted["both"])[0]
    for prompts, phrase in SAYS.items():
        others = CITY if prompts is SEA else SEA
        assert opening_probabilities(both, prompts, [phrase])[0].mean() > 0.25
        assert opening_probabilities(both, others, [phrase])[0].mean() < 0.01
