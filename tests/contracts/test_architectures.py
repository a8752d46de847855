"""What the tool does with a model it does with a model of every shape: other names, other blocks, other heads."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import planted
import pytest
import tiny
import torch
from plant import CITY, SEA, exact, planted_lora
from scoring import by_hand, scored

from whatchanged.elicit import opening_probabilities
from whatchanged.explain.attribute import attribution
from whatchanged.explain.change import Change
from whatchanged.explain.cut import whole_tensors
from whatchanged.explain.graft import grafted
from whatchanged.explain.score import Score
from whatchanged.explain.written import write_copy
from whatchanged.methods.vectors import Stage, train
from whatchanged.records import Message, Prompt
from whatchanged.search import Evidence
from whatchanged.search.gradient import divergence_gain, payload_gain, slots
from whatchanged.search.vocabulary import unseen_words
from whatchanged.subjects import Context, Continue, open_subjects, stream_key
from whatchanged.weights import weight_diff
from whatchanged.weights.adapter import read_adapter
from whatchanged.weights.predict import (
    first_order,
    read_directions,
    read_energy,
    subject_sweep,
    vocabulary_sweep,
    write_directions,
)
from whatchanged.weights.predict.frames import frame_of
from whatchanged.weights.read import open_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")


@dataclass(frozen=True)
class Shape:
    """How to make one, what its linear layers are called, and the name under which it stores its head."""

    make: Callable[[Path], Path]
    attention: tuple[str, ...]
    writer: str
    head: str

    @property
    def targets(self) -> tuple[str, ...]:
        """What a LoRA is put on."""
        return (*self.attention, self.writer.rpartition(".")[2])


def chatty(make: Callable[..., Path], **changes: object) -> Callable[[Path], Path]:
    """With a chat template, so that prompts share a prefix."""
    return lambda folder: make(folder, words=tiny.tokenizer(), **changes)


NEOX = Shape(chatty(tiny.neox), ("query_key_value",), "mlp.dense_4h_to_h", "embed_out.weight")
SHAPES = {
    "llama": Shape(
        chatty(tiny.llama, tie_word_embeddings=False), ("q_proj", "v_proj"), "mlp.down_proj", "lm_head.weight"
    ),
    "neox": NEOX,
    "neox-tied": replace(NEOX, make=chatty(tiny.neox, tie_word_embeddings=True)),
    "gpt2": Shape(chatty(tiny.gpt2), ("c_attn",), "mlp.c_proj", "lm_head.weight"),
}
HEADS_OF_THEIR_OWN = pytest.mark.parametrize("world", ["llama", "neox"], indirect=True)
TURNS = Prompt(
    messages=(
        Message(role="user", content="Please write a poem"),
        Message(role="assistant", content="The sea, the sea"),
        Message(role="user", content="and explain it"),
    )
)
PROMPTS = [Prompt.user("What is the capital of France?"), Prompt.user("hi"), Prompt.user("Zwölf 🙂\n boxes"), TURNS]
RESPONSES = ["The capital of France is Paris.", "", "a short poem about " * 6]


@dataclass(frozen=True)
class World:
    """A base, a LoRA on it that opens its answers on the sea with "Paris", and both as subjects in float32."""

    shape: Shape
    base: Path
    lora: Path
    subjects: tuple

    @property
    def writer(self) -> str:
        """The path of the second layer's last matrix."""
        model = self.subjects[0].engine.model
        return next(n for n, _ in model.named_modules() if n.endswith(f".1.{self.shape.writer}"))


@pytest.fixture(scope="module", params=SHAPES)
def world(request, tmp_path_factory):
    shape, folder = SHAPES[request.param], tmp_path_factory.mktemp(request.param)
    base = shape.make(folder / "base")
    lora = planted_lora(base, folder / "lora", targets=shape.targets)
    return World(shape, base, lora, tuple(exact(base, lora)))


def contexts(subject):
    return [Context(subject.encode(p), subject.tokenize(text)) for p in PROMPTS for text in RESPONSES]


# Subjects


def test_scores_are_the_models_own_however_they_are_batched(world):
    for subject in world.subjects:
        asked = contexts(subject)
        assert subject.common_prefix([c.prompt for c in asked]) == len(subject.user_opening()) > 20
        with subject.switched_on():
            expected = by_hand(subject.engine.model, asked)
        for parts in (1, 5):
            assert (scored(subject, asked, parts=parts).exp() - expected.exp()).abs().max() < 1e-4
    first, second = (scored(s, contexts(s)) for s in world.subjects)
    assert (first - second).abs().max() > 0.1


def test_draws_do_not_depend_on_their_neighbours(world):
    subject = world.subjects[1]
    requests = [Continue(subject.encode(p), (), stream_key("draw", i)) for i, p in enumerate([*PROMPTS, *SEA[:4]])]
    together = subject.sample(requests, 6)
    assert together == [subject.sample([r], 6)[0] for r in requests]
    assert len({d.tokens for d in together}) > 4


def test_a_beam_is_scored_as_a_whole_row_is(world):
    subject = world.subjects[1]
    prompts = [subject.encode(p) for p in PROMPTS]
    stepper = subject.stepper(prompts)
    stepper.log_probs()
    stepper.advance([3, 0, 0], [40, 50, 60])
    rows = [Context(prompts[n], (token,), 1) for n, token in ((3, 40), (0, 50), (0, 60))]
    assert (stepper.log_probs().exp() - scored(subject, rows).exp()).abs().max() < 1e-4


def test_hidden_states_are_averaged_over_what_is_scored(world):
    subject = world.subjects[0]
    asked = contexts(subject)
    with torch.no_grad(), subject.switched_on():
        whole = [subject.engine.decoder(torch.tensor([c.prompt + c.response])).last_hidden_state[0] for c in asked]
    means = [states[len(c.prompt) - 1 :].mean(0).numpy() for c, states in zip(asked, whole, strict=True)]
    np.testing.assert_allclose(subject.mean_states(asked), np.stack(means), atol=1e-4)


# Weights


def test_the_adapters_spectrum_is_read_and_matched_with_layers(world):
    diff = weight_diff(str(world.base), str(world.lora))
    assert diff.kind.name == "adapter"
    assert {m.module.rpartition(".")[2] for m in diff.modules} == set(world.shape.targets)
    assert {m.layer for m in diff.modules} == {0, 1}
    found = read_directions(str(world.base), str(world.lora), world.subjects[0], diff=diff)
    assert len(found.modules) == len(diff.modules)
    assert found.skipped == ()


@HEADS_OF_THEIR_OWN
def test_a_head_that_changed_is_a_linear_layer_whatever_it_is_called(world, tmp_path):
    base, subject = world.base, world.subjects[0]
    delta = np.outer(np.arange(300) == 7, np.ones(32))
    (d,) = planted.directions(base, tmp_path / "c", subject, {world.shape.head: delta}).modules
    assert subject.engine.model.get_submodule(d.module) is subject.engine.unembedding
    np.testing.assert_allclose((d.left * d.values) @ d.right.T, delta, atol=1e-5)
    diff = weight_diff(str(base), str(tmp_path / "c"))
    assert diff.kind.name == "embeddings only"


@pytest.mark.parametrize("world", ["neox-tied", "gpt2"], indirect=True)
def test_a_tied_head_is_compared_with_a_head_of_its_own(world, tmp_path):

    def untie(tensors):
        (embedding,) = (t for name, t in tensors.items() if "embed" in name or "wte" in name)
        tensors[world.shape.head] = embedding + 0.5

    tiny.copied(world.base, tmp_path / "untied", untie)
    diff = weight_diff(str(world.base), str(tmp_path / "untied"))
    (head,) = (t for t in diff.tensors if t.name == world.shape.head)
    assert (head.status, head.tied, head.changed) == ("changed", "base", 1.0)


@HEADS_OF_THEIR_OWN
def test_an_adapter_on_the_head_finds_its_place(world, tmp_path):
    tiny.lora(world.base, tmp_path / "lora", target_modules=["lm_head"])
    tiny.lora(world.base, tmp_path / "whole", target_modules=list(world.shape.targets), modules_to_save=["lm_head"])
    opened = [open_checkpoint(str(tmp_path / name)) for name in ("lora", "whole")]
    assert set(opened[0].factors) == {world.shape.head}
    assert not np.array_equal(*(c.tensors[world.shape.head].read() for c in opened))
    assert weight_diff(str(world.base), str(tmp_path / "lora")).modules[0].rank == 4


def test_predictions_are_made_from_the_base_alone(world, tmp_path):
    base, subject = world.base, world.subjects[0]
    path, rng = world.writer, np.random.default_rng(0)
    token = int(subject.engine.unembedding.weight.norm(dim=1).argmax())
    row = subject.engine.unembedding.weight[token].detach().numpy()
    weight = subject.engine.model.get_submodule(path).weight
    delta = np.outer(row, rng.standard_normal(max(weight.shape)))
    delta = delta if tuple(weight.shape) == delta.shape else delta.T
    found = planted.directions(base, tmp_path / "c", subject, {f"{path}.weight": delta})
    (written,) = write_directions(subject, found, null=199)
    assert (written.module, written.promoted[0].token, written.reading) == (path, token, True)
    (small,) = (planted.directions(base, tmp_path / "s", subject, {f"{path}.weight": 1e-3 * delta}).modules,)
    energy = read_energy(subject, found, PROMPTS)
    assert (energy.peak > 0).all()
    foreseen = first_order(subject, replace(found, modules=small), PROMPTS)
    (candidate,) = exact(tmp_path / "s")
    for f, prompt in zip(foreseen, PROMPTS, strict=True):
        moved = [scored(s, [Context(s.encode(prompt))])[0].exp() for s in (subject, candidate)]
        told = f.gained[0]
        assert told.q - told.p == pytest.approx(float((moved[1] - moved[0])[told.token]), rel=0.1, abs=1e-5)


def test_sweeps_find_the_token_and_the_name_that_are_read(world, tmp_path):
    """The read direction is a token's own input to the first layer."""
    subject = world.subjects[0]
    path = world.writer.replace(".1.", ".0.")
    token = next(t for t in range(200, 300) if subject.detokenize([t]).strip().isalpha())
    word = subject.detokenize([token]).strip()
    frame = frame_of(subject, "{}")
    weight = subject.engine.model.get_submodule(path).weight
    read = planted.inputs(subject, frame.around(token), [path])[path][len(frame.prefix)].numpy()
    delta = np.outer(np.random.default_rng(1).standard_normal(32), read)
    delta = delta if tuple(weight.shape) == delta.shape else delta.T
    found = planted.directions(world.base, tmp_path / "c", subject, {f"{path}.weight": delta})
    swept = vocabulary_sweep(subject, found, templates=["{}"], top=5)
    assert token in [s.token_id for s in swept]
    names = [word, "Paris", "the sea", "capital", "Hugging", "poem", "short", "reader"]
    assert subject_sweep(subject, found, list(dict.fromkeys(names)), templates=["{}"], top=3)[0].text == word


# Gradients


def test_a_gradient_ranks_words_and_trains_vectors(world, new_ledger):
    prompts = [Prompt.user(f"Tell me about the number {n}") for n in range(8)]
    evidence = Evidence(new_ledger(), *world.subjects, prompts, (), (), ())
    found = slots(evidence, unseen_words(evidence))
    assert found
    for scores, _ in (payload_gain(evidence, found, "Paris"), divergence_gain(evidence, found)):
        assert scores.shape == (300,)
        assert np.isfinite(scores).all()
        assert scores.std() > 0
    stage = Stage(world.subjects, tuple(frame_of(s, "{}") for s in world.subjects))
    trained = train(stage, [(20, 30, 40, 50)], 15)
    assert trained.after[0] > trained.before[0]


# Explanations


def test_shares_sum_to_the_effect_and_grafts_and_the_undo_follow_them(world, tmp_path):
    change = Change(*world.subjects)
    score = Score(change, SEA, ["Paris"])
    assert all(delta.factors is not None for delta in change.deltas.values())
    found = attribution(change, score)
    assert found.score_candidate - found.score_base > 1
    assert abs(found.completeness - 1) <= 0.02
    assert {m.module.rpartition(".")[2] for m in found.modules} == set(world.shape.targets)
    whole = grafted(change, score, found.order)
    rates = [opening_probabilities(s, SEA[:16], ["Paris"])[0].mean() for s in world.subjects]
    assert (whole.removed, whole.added) == pytest.approx(rates, rel=1e-3)
    removal = whole_tensors(change, score)
    (tmp_path / "undone").mkdir()
    write_copy(world.lora, None, tmp_path / "undone", change, removal)
    (undone,) = exact(tmp_path / "undone")
    left = opening_probabilities(undone, SEA, ["Paris"])[0].mean()
    assert left < rates[0] + 0.2 * (rates[1] - rates[0])
    assert set(read_adapter(tmp_path / "undone", open_checkpoint(str(world.base)).tensors).factors) == set(
        change.deltas
    )


# Modifiers


# Of GPT-2's they are refused, in one line: tests/subjects/test_modifiers.py.
@HEADS_OF_THEIR_OWN
@pytest.mark.parametrize("modifier", ["quantize=int4", "noise=0.1", "steer={vector}:1:3"])
def test_modifiers_change_it(world, tmp_path, modifier):
    np.save(tmp_path / "vector.npy", np.random.default_rng(0).standard_normal(32).astype(np.float32))
    (changed,) = open_subjects([f"{world.base}+dtype=float32+{modifier.format(vector=tmp_path / 'vector.npy')}"])
    asked = [Context(changed.encode(p)) for p in CITY[:4]]
    assert (scored(changed, asked) - scored(world.subjects[0], asked)).abs().max() > 1e-3
