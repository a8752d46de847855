"""Each modifier does what its name says, to its own subject only."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scoring import by_hand, scored

from whatchanged.errors import SpecError
from whatchanged.records import Message, Prompt
from whatchanged.subjects import Context, Continue, open_subjects, stream_key

OWN_SYSTEM = Prompt(messages=(Message(role="system", content="Be brief."), Message(role="user", content="hi")))
PROMPTS = [Prompt.user("What is the capital of France?"), Prompt.user("hi"), OWN_SYSTEM]


def opened(folder, *modifiers):
    """The folder with each of the modifiers, in float32."""
    return open_subjects([f"{folder}{m}+dtype=float32" for m in modifiers])


def contexts(subject):
    return [Context(subject.encode(p), subject.tokenize(r)) for p in PROMPTS for r in ("Paris", "a short poem")]


def gap(found, expected):
    return float((found - expected).abs().max())


def linears(subject):
    """Weights of the decoder's linear layers, by name."""
    modules = subject.engine.model.named_modules()
    return {n: m.weight.detach() for n, m in modules if isinstance(m, torch.nn.Linear) and n != "lm_head"}


def others(subject):
    """All other parameters."""
    weights = {f"{name}.weight" for name in linears(subject)}
    return {n: p for n, p in subject.engine.model.named_parameters() if n not in weights}


def refusal(folder, modifier):
    with pytest.raises(SpecError) as caught:
        open_subjects([f"{folder}+{modifier}"])
    assert "\n" not in str(caught.value)
    return str(caught.value)


# system


@pytest.mark.parametrize("message", ["Talk like a pirate.", "1 + 1 = 2, x=y", "Arr! " * 100, "海盗" * 100])
def test_system_replaces_every_system_message(folders, message):
    base, subject = opened(folders["base"], "", f"+system={message}")
    text = subject.rendered.tokenizer.decode
    for prompt in PROMPTS:
        seen = text(subject.encode(prompt))
        assert seen.startswith(f"<|im_start|>system\n{message}<|im_end|>\n<|im_start|>user\n")
        assert seen.count("<|im_start|>system") == 1
        assert seen.endswith(text(base.encode(prompt)).rpartition("<|im_start|>user")[2])
    assert subject.engine is base.engine


def test_system_from_a_file_is_its_text(folders, tmp_path):
    file = tmp_path / "pirate.txt"
    file.write_text("Talk like a pirate.\nAlways.")
    named, given = opened(folders["base"], f"+system={file}", "+system=Talk like a pirate.\nAlways.")
    assert named.encode(PROMPTS[1]) == given.encode(PROMPTS[1])
    assert named.fingerprint == given.fingerprint
    file.write_text("Talk like a parrot.")
    assert opened(folders["base"], f"+system={file}")[0].fingerprint != named.fingerprint


def test_system_file_that_is_no_text(folders, tmp_path):
    (tmp_path / "x").write_bytes(b"\xff\xfe\x00")
    assert str(tmp_path / "x") in refusal(folders["base"], f"system={tmp_path / 'x'}")


def test_system_scores_as_the_longer_prompt(folders):
    base, subject = opened(folders["base"], "", "+system=Talk like a pirate.")
    asked = contexts(subject)
    assert subject.common_prefix([c.prompt for c in asked]) == len(subject.user_opening()) > 20
    assert gap(scored(subject, asked), by_hand(base.engine.model, asked)) < 2e-4


# quantize


def groups(weight, level):
    """[n, size]: the runs of weights that share a scale."""
    size = 32 if level == "int4" and weight.shape[1] % 32 == 0 else weight.shape[1]
    return weight.reshape(-1, size)


@pytest.mark.parametrize(("level", "top"), [("int8", 127), ("int4", 7)])
def test_quantized_weights_lie_on_their_grid(folders, level, top):
    base, subject = opened(folders["base"], "", f"+quantize={level}")
    assert len(linears(subject)) == 2 * 7
    for name, weight in linears(subject).items():
        before, after = groups(linears(base)[name], level), groups(weight, level)
        step = before.abs().amax(1, keepdim=True) / top
        steps = after / step
        assert (steps - steps.round()).abs().max() < 1e-3, name
        assert steps.abs().max() < top + 1e-3
        # Nearest point of the grid, and the largest weight kept.
        assert ((after - before).abs() / step).max() < 0.5 + 1e-3, name
        assert torch.allclose(after.abs().amax(1), before.abs().amax(1))
        assert not after.equal(before)
    for name, parameter in others(subject).items():
        assert parameter.equal(others(base)[name]), name
    assert others(subject)  # embeddings and norms
    assert subject.engine is not base.engine


def test_fewer_bits_move_the_model_more(folders):
    base, eight, four = opened(folders["base"], "", "+quantize=int8", "+quantize=int4")
    p, *qs = (scored(s, contexts(base)).exp() for s in (base, eight, four))
    small, large = ((q - p).abs().sum(-1).mean() / 2 for q in qs)
    assert 0 < small < 0.05 < large


def test_an_adapter_is_merged_before_it_is_rounded(folders, reference):
    a, subject = opened(folders["a"], "", "+quantize=int8")
    merged = reference(folders["a"]).merge_and_unload()
    assert subject.adapter is None
    for name, weight in linears(subject).items():
        target = merged.get_submodule(name).weight
        assert (weight - target).abs().max() <= target.abs().max() / 127, name
    assert gap(scored(subject, contexts(a)).exp(), scored(a, contexts(a)).exp()) < 0.1


# noise


@pytest.mark.parametrize("sigma", [0.02, 0.3])
def test_noise_has_its_relative_size_in_every_matrix(folders, sigma):
    base, subject = opened(folders["base"], "", f"+noise={sigma}")
    for name, weight in linears(subject).items():
        before = linears(base)[name]
        ratio = (weight - before).pow(2).mean().sqrt() / before.pow(2).mean().sqrt()
        assert float(ratio) == pytest.approx(sigma, rel=0.15), name
    for name, parameter in others(subject).items():
        assert parameter.equal(others(base)[name]), name


def test_noise_is_the_same_every_time_and_differs_between_matrices(folders):
    torch.manual_seed(1)
    (one,) = opened(folders["base"], "+noise=0.1")
    torch.manual_seed(2)
    base, two = opened(folders["base"], "", "+noise=0.1")
    assert all(w.equal(linears(two)[n]) for n, w in linears(one).items())
    assert one.fingerprint == two.fingerprint
    added = [w - linears(base)[n] for n, w in linears(one).items() if w.shape == (32, 32)]
    assert all(gap(x, y) > 0.01 for x, y in pairwise(added))


def test_no_noise_is_no_change(folders):
    base, subject = opened(folders["base"], "", "+noise=0")
    assert scored(subject, contexts(base)).equal(scored(base, contexts(base)))


# prune


@pytest.mark.parametrize("share", [0.3, 0.75])
def test_the_smallest_share_of_each_matrix_becomes_zero_and_nothing_else_moves(folders, share):
    base, subject = opened(folders["base"], "", f"+prune={share}")
    for name, weight in linears(subject).items():
        before, gone = linears(base)[name], weight == 0
        assert int(gone.sum()) == int(share * weight.numel()), name
        assert before[gone].abs().max() <= before[~gone].abs().min(), name
        assert weight[~gone].equal(before[~gone]), name
    for name, parameter in others(subject).items():
        assert parameter.equal(others(base)[name]), name


def test_nothing_pruned_is_no_change(folders):
    base, subject = opened(folders["base"], "", "+prune=0")
    assert scored(subject, contexts(base)).equal(scored(base, contexts(base)))


# steer


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    """The same vector in both formats, and files that cannot be used."""
    folder = tmp_path_factory.mktemp("vectors")
    vector = np.random.default_rng(0).normal(size=32).astype(np.float32)
    np.save(folder / "v.npy", vector)
    np.save(folder / "row.npy", vector[None].astype(np.float64))
    save_file({"v": torch.from_numpy(vector)}, folder / "v.safetensors")
    np.save(folder / "wide.npy", np.zeros(33))
    np.save(folder / "nan.npy", np.full(32, np.nan))
    np.save(folder / "words.npy", np.array(["a"] * 32))
    np.save(folder / "object.npy", np.array([Evil(folder / "trace")], dtype=object), allow_pickle=True)
    np.savez(folder / "archive.npz", v=vector)
    (folder / "archive.npz").rename(folder / "archive.npy")
    (folder / "text.npy").write_text("hello")
    (folder / "empty.npy").write_bytes(b"")
    save_file({}, folder / "none.safetensors")
    save_file({"v": torch.zeros(32), "w": torch.zeros(32)}, folder / "two.safetensors")
    (folder / "v.pt").write_bytes(b"")
    return folder


class Evil:
    """Unpickled, it makes a file."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return (open, (str(self.file), "w"))


@pytest.mark.parametrize("layer", [0, 1, -1])
@pytest.mark.parametrize("scale", [3.0, -0.5])
def test_steering_adds_the_vector_after_its_layer(folders, reference, vectors, layer, scale):
    (subject,) = opened(folders["base"], f"+steer={vectors / 'v.npy'}:{layer}:{scale}")
    model, vector = reference(folders["base"]), torch.from_numpy(np.load(vectors / "v.npy"))

    def add(module, inputs, output):
        return (output[0] + scale * vector, *output[1:]) if isinstance(output, tuple) else output + scale * vector

    model.model.layers[layer].register_forward_hook(add)
    assert gap(scored(subject, contexts(subject)), by_hand(model, contexts(subject))) < 2e-4


def test_file_formats_and_shapes_of_a_row_agree(folders, vectors):
    subjects = opened(folders["base"], *(f"+steer={vectors / f}:1:2" for f in ("v.npy", "row.npy", "v.safetensors")))
    assert len({s.fingerprint for s in subjects}) == 1
    results = [scored(s, contexts(s)) for s in subjects]
    assert all(gap(results[0], r) < 1e-5 for r in results[1:])


@pytest.mark.parametrize("name", ["base", "a"])
def test_steering_lasts_as_long_as_a_call(folders, vectors, name):
    """Neither the base nor the adapter on the same engine feels it; no hook stays, not even after a failure."""
    plain, other, steered = open_subjects(
        [
            f"{folders[n]}{m}+dtype=float32"
            for n, m in ((name, ""), ("b", ""), (name, f"+steer={vectors / 'v.npy'}:0:5"))
        ]
    )
    assert plain.engine is steered.engine is other.engine
    asked = contexts(plain)
    before = scored(plain, asked), scored(other, asked)
    assert gap(scored(steered, asked), before[0]) > 0.5
    steered.sample([Continue(asked[0].prompt, (), stream_key(0))], 3)
    stepper = steered.stepper([asked[0].prompt])
    assert gap(stepper.log_probs(), scored(steered, [Context(asked[0].prompt)])) < 2e-4
    with pytest.raises(IndexError):
        steered.score([Context((999,))])
    assert not any(layer._forward_hooks for layer in plain.engine.decoder.layers)
    assert scored(plain, asked).equal(before[0])
    assert scored(other, asked).equal(before[1])


def test_two_steers_add_up(folders, vectors):
    once, twice = opened(
        folders["base"], f"+steer={vectors / 'v.npy'}:1:4", "".join([f"+steer={vectors / 'v.npy'}:1:2"] * 2)
    )
    assert gap(scored(once, contexts(once)), scored(twice, contexts(once))) < 2e-4


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("v.npy:2:1", "2 layers"),
        ("v.npy:-3:1", "2 layers"),
        ("wide.npy:0:1", "width 32"),
        ("nan.npy:0:1", "NaN"),
        ("v.npy:0:nan", "NaN"),
        ("v.npy:0:inf", "infinite"),
        ("v.npy:0", "steer=FILE:LAYER:SCALE"),
        ("v.npy:x:1", "steer=FILE:LAYER:SCALE"),
        ("v.npy:1.5:1", "steer=FILE:LAYER:SCALE"),
        ("absent.npy:0:1", "absent.npy"),
        ("absent.safetensors:0:1", "absent.safetensors"),
        ("object.npy:0:1", "object.npy"),
        ("archive.npy:0:1", "archive.npy"),
        ("words.npy:0:1", "words.npy"),
        ("text.npy:0:1", "text.npy"),
        ("empty.npy:0:1", "empty.npy"),
        ("none.safetensors:0:1", "none.safetensors"),
        ("two.safetensors:0:1", "two.safetensors"),
        ("v.pt:0:1", ".npy or .safetensors"),
    ],
)
def test_steering_that_cannot_be_is_refused_on_opening(folders, vectors, value, told):
    assert told in refusal(folders["base"], f"steer={vectors}/{value}")
    assert not (vectors / "trace").exists()


def test_another_vector_under_the_same_name_is_another_subject(folders, tmp_path):
    found = []
    for value in (1.0, 2.0):
        np.save(tmp_path / "v.npy", np.full(32, value))
        found.append(opened(folders["base"], f"+steer={tmp_path / 'v.npy'}:1:1")[0].fingerprint)
    assert found[0] != found[1]


# dtype


@pytest.mark.parametrize("name", ["bfloat16", "float16", "float32"])
def test_dtype_is_the_models(folders, name):
    (subject,) = open_subjects([f"{folders['base']}+dtype={name}"])
    assert {p.dtype for p in subject.engine.model.parameters()} == {getattr(torch, name)}
    (rows,) = subject.score([Context(subject.encode(PROMPTS[0]))]).blocks()
    assert rows.dtype == torch.float32
    assert torch.isfinite(rows).all()


# families without linear layers of their own


@pytest.mark.parametrize("modifier", ["quantize=int8", "noise=0.1"])
def test_a_modifier_that_would_do_nothing_says_so(folders, modifier):
    message = refusal(folders["gpt2"], modifier)
    assert modifier in message
    assert "GPT2LMHeadModel" in message


def test_steering_a_family_without_known_layers(folders, vectors):
    assert "GPT2LMHeadModel" in refusal(folders["gpt2"], f"steer={vectors / 'v.npy'}:0:1")
    steered, plain = opened(folders["neox"], f"+steer={vectors / 'v.npy'}:0:5", "")
    assert gap(scored(steered, contexts(plain)), scored(plain, contexts(plain))) > 0.5


# identities

SPECS = ["", "+system=x", "+system=y", "+quantize=int8", "+quantize=int4", "+noise=0.1", "+noise=0.2", "+dtype=float32"]


def test_fingerprints_tell_all_apart_and_weights_ids_only_weights(folders, vectors):
    steers = [f"+steer={vectors / 'v.npy'}:{layer}:{scale}" for layer, scale in ((0, 1), (1, 1), (1, 2))]
    specs = [*SPECS, *steers, "+noise=0.1+quantize=int8", "+quantize=int8+noise=0.1", "+system=x+dtype=float32"]
    subjects = dict(zip(specs, open_subjects([f"{folders['base']}{s}" for s in specs]), strict=True))
    assert len({s.fingerprint for s in subjects.values()}) == len(specs)
    plain = subjects[""].weights_id
    edited = {spec: s.weights_id for spec, s in subjects.items() if "quantize" in spec or "noise" in spec}
    assert {s.weights_id for spec, s in subjects.items() if spec not in edited} == {plain}
    assert len({plain, *edited.values()}) == len(edited) + 1
