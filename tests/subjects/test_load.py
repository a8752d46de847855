"""Checkpoints as they are read: broken ones refused, adapters put on one base, identities told apart."""

import json

import pytest
import tiny
import torch
from scoring import by_hand, scored

from whatchanged.errors import CheckpointError
from whatchanged.records import Prompt
from whatchanged.subjects import Context, open_subjects

PROMPTS = [Prompt.user("What is the capital of France?"), Prompt.user("the sea")]


def opened(*specs):
    return open_subjects([f"{spec}+dtype=float32" for spec in specs])


def contexts(subject):
    return [Context(subject.encode(p), subject.tokenize(r)) for p in PROMPTS for r in ("Paris", "a short poem", "")]


def gap(found, expected):
    return float((found - expected).abs().max())


def refusal(*specs):
    """The message of a CheckpointError, after checking that it is one line."""
    with pytest.raises(CheckpointError) as caught:
        open_subjects([str(spec) for spec in specs])
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 700
    return message


@pytest.fixture(scope="module")
def more(tmp_path_factory):
    """Llamas of other shapes, one with biases and a head of its own."""
    root = tmp_path_factory.mktemp("more")
    return {
        "wide": tiny.llama(root / "wide", hidden_size=64),
        "deep": tiny.llama(root / "deep", num_hidden_layers=4),
        "shallow": tiny.llama(root / "shallow", num_hidden_layers=1),
        "biased": tiny.llama(root / "biased", tie_word_embeddings=False, attention_bias=True),
    }


# Broken checkpoints


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_names_the_tensor(folders, tmp_path, value):
    def spoil(tensors):
        tensors["model.layers.1.mlp.up_proj.weight"][3, 4] = value

    folder = tiny.copied(folders["base"], tmp_path / "nan", spoil)
    message = refusal(folder)
    assert str(folder) in message
    assert "model.layers.1.mlp.up_proj.weight holds NaN or infinity" in message
    assert "re-save" in message


def test_nan_in_an_adapter_names_the_adapter(folders, tmp_path):
    adapter = tiny.copied(folders["a"], tmp_path / "nan", lambda tensors: next(iter(tensors.values())).fill_(torch.nan))
    for specs in ([adapter], [folders["base"], folders["b"], adapter]):
        message = refusal(*specs)
        assert str(adapter) in message
        assert "NaN" in message
    assert "NaN" in refusal(f"{adapter}+quantize=int8")


def test_missing_tensor_is_not_made_up(folders, tmp_path):
    folder = tiny.copied(folders["base"], tmp_path / "lacking", lambda tensors: tensors.pop("model.norm.weight"))
    message = refusal(folder)
    assert str(folder) in message
    assert "model.norm.weight" in message


def test_a_tied_head_is_not_a_missing_tensor(folders, tmp_path):
    folder = tiny.copied(folders["base"], tmp_path / "tied", lambda tensors: tensors.pop("lm_head.weight", None))
    open_subjects([str(folder)])


@pytest.mark.parametrize("keep", [0, 5, 500, -100])
def test_cut_file(folders, tmp_path, keep):
    folder = tiny.copied(folders["base"], tmp_path / "cut")
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    assert f"'{folder}' cannot be loaded" in refusal(folder)


@pytest.mark.parametrize("keep", [0, 5, 100, -100])
def test_cut_adapter(folders, tmp_path, keep):
    folder = tiny.copied(folders["a"], tmp_path / "cut")
    file = folder / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    assert str(folder) in refusal(folder)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("config.json", '{"model_type": '),
        ("config.json", '{"model_type": "no-such-type"}'),
        ("tokenizer.json", "{"),
        ("model.safetensors", None),
        ("tokenizer.json", None),
    ],
)
def test_unusable_folder(folders, tmp_path, file, text):
    folder = tiny.copied(folders["base"], tmp_path / "broken")
    (folder / file).unlink()
    (folder / "tokenizer_config.json").unlink()
    if text is not None:
        (folder / file).write_text(text)
    assert str(folder) in refusal(folder)


def test_code_in_a_checkpoint_is_not_run(folders, tmp_path):
    folder = tiny.copied(folders["base"], tmp_path / "custom")
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w')\nclass C: pass\n")
    config = json.loads((folder / "config.json").read_text())
    auto = {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.C"}
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "custom", "auto_map": auto}))
    assert str(folder) in refusal(folder)
    assert not (tmp_path / "trace").exists()


# Adapters of other bases


@pytest.mark.parametrize("other", ["wide", "deep", "shallow"])
def test_adapter_for_another_base(folders, more, tmp_path, other):
    """Also where only the number of layers differs: PEFT would skip some tensors and make others up."""
    adapter = tiny.lora(more[other], tmp_path / "adapter")
    for specs in ([f"{adapter}+base={folders['base']}"], [folders["a"], f"{adapter}+base={folders['base']}"]):
        message = refusal(*specs)
        assert f"adapter '{adapter}' does not fit its base" in message
        assert "+base=SPEC" in message
    open_subjects([str(adapter)])


def test_adapter_for_another_family(folders, tmp_path):
    adapter = tiny.lora(folders["neox"], tmp_path / "adapter", target_modules=["query_key_value"])
    assert f"'{adapter}' does not fit its base" in refusal(f"{adapter}+base={folders['base']}")


def test_adapter_that_changes_no_layer_is_refused(folders, tmp_path):
    from peft import PromptTuningConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    tuned = get_peft_model(
        AutoModelForCausalLM.from_pretrained(folders["base"]),
        PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4),
    )
    tuned.save_pretrained(tmp_path / "soft")
    message = refusal(f"{tmp_path / 'soft'}+base={folders['base']}")
    assert str(tmp_path / "soft") in message
    assert "PROMPT_TUNING" in message


# One base, several adapters


def test_one_engine_serves_base_and_adapters(folders):
    base, a, b, again = opened(*(folders[name] for name in ("base", "a", "b", "a")))
    assert base.engine is a.engine is b.engine is again.engine
    assert a.fingerprint == again.fingerprint
    assert scored(a, contexts(a)).equal(scored(again, contexts(again)))


def test_dtypes_do_not_share(folders):
    half, full = open_subjects([str(folders["base"]), f"{folders['base']}+dtype=float32"])
    assert half.engine is not full.engine


@pytest.mark.parametrize("order", [("base", "a", "b"), ("b", "a", "base"), ("a", "base", "b")])
def test_each_scores_as_peft_does_on_its_own(folders, reference, order):
    subjects = dict(zip(order, opened(*(folders[name] for name in order)), strict=True))
    expected = {name: by_hand(reference(folders[name]), contexts(s)) for name, s in subjects.items()}
    assert gap(expected["a"], expected["base"]) > 0.5
    assert gap(expected["a"], expected["b"]) > 0.5
    # Every switch from one to another, back and forth; the one attached last is asked first.
    for name in (*reversed(order), *order, "a", "base", "a", "b", "b", "base"):
        assert gap(scored(subjects[name], contexts(subjects[name])), expected[name]) < 2e-4, name


def test_attached_adapters_leave_the_base_as_it_was(folders):
    (alone,) = opened(folders["base"])
    expected = scored(alone, contexts(alone))
    base, a, b = opened(folders["base"], folders["a"], folders["b"])
    for other in (None, a, b):
        if other:
            other.score(contexts(other))
        assert scored(base, contexts(base)).equal(expected)
    assert base.fingerprint == alone.fingerprint


def test_rows_read_late_are_still_of_their_own_subject(folders, reference):
    """Blocks are made when asked for: by then another adapter may be on."""
    base, a = opened(folders["base"], folders["a"])
    late = [(s, s.score(contexts(s))) for s in (base, a)]
    for blocks in zip(*(rows.blocks() for _, rows in late), strict=True):
        assert gap(*blocks) > 0
    for (subject, rows), name in zip(late, ("base", "a"), strict=True):
        assert gap(torch.cat(list(rows.blocks())), by_hand(reference(folders[name]), contexts(subject))) < 2e-4


def test_recorded_and_given_base_are_the_same(folders, tmp_path):
    moved = tiny.copied(folders["base"], tmp_path / "moved")
    recorded, given = opened(folders["a"], f"{folders['a']}+base={moved}")
    assert recorded.fingerprint == given.fingerprint
    assert scored(recorded, contexts(recorded)).equal(scored(given, contexts(given)))


@pytest.mark.parametrize(
    "changes",
    [
        {"modules_to_save": ["lm_head"]},
        {"target_modules": ["q_proj", "lm_head"]},
        {"target_modules": r".*(q_proj|lm_head)"},
        {"bias": "all"},
        {"modules_to_save": ["embed_tokens"]},
    ],
    ids=str,
)
def test_adapters_beyond_the_layers_score_right_and_leave_the_base_alone(more, reference, tmp_path, changes):
    adapter = tiny.lora(more["biased"], tmp_path / "adapter", **changes)
    expected = {f: by_hand(reference(f), contexts(opened(more["biased"])[0])) for f in (more["biased"], adapter)}
    assert gap(*expected.values()) > 0.5
    for order in ([more["biased"], adapter], [adapter, more["biased"]]):
        for folder, subject in zip(order * 2, opened(*order) * 2, strict=True):
            assert gap(scored(subject, contexts(subject)), expected[folder]) < 2e-4


# Identities


def test_a_copy_is_the_same_model(folders, tmp_path):
    original, copy = open_subjects([str(folders["base"]), str(tiny.copied(folders["base"], tmp_path / "copy"))])
    assert (original.weights_id, original.fingerprint) == (copy.weights_id, copy.fingerprint)
    assert original.vocabulary == copy.vocabulary


def nudge(tensors):
    tensors["model.norm.weight"][0] += 1e-3


def test_other_weights_are_another_model(folders, tmp_path):
    original, other = open_subjects([str(folders["base"]), str(tiny.copied(folders["base"], tmp_path / "x", nudge))])
    assert original.weights_id != other.weights_id
    assert original.fingerprint != other.fingerprint
    assert original.vocabulary == other.vocabulary


def edited(source, folder, file, **changes):
    """A copy with some keys of a JSON file changed."""
    tiny.copied(source, folder)
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("config.json", {"rope_parameters": {"rope_type": "default", "rope_theta": 77.0}}),
        ("generation_config.json", {"eos_token_id": [2, 5]}),
    ],
)
def test_settings_that_shape_answers_are_in_the_fingerprint(folders, tmp_path, file, changes):
    check_fingerprints_only(folders["base"], edited(folders["base"], tmp_path / "edited", file, **changes))


def test_the_template_is_in_the_fingerprint(folders, tmp_path):
    folder = tiny.copied(folders["base"], tmp_path / "edited")
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text().replace("helpful", "unhelpful"))
    check_fingerprints_only(folders["base"], folder)


def check_fingerprints_only(folder, other):
    """Same weights, another subject."""
    one, two = open_subjects([str(folder), str(other)])
    assert one.weights_id == two.weights_id
    assert one.fingerprint != two.fingerprint


def test_adapters_that_differ_in_scale_only_are_two(folders, reference, tmp_path):
    """Same tensors, another lora_alpha: neither cached answers nor cached prefixes may be shared."""
    scaled = edited(folders["a"], tmp_path / "scaled", "adapter_config.json", lora_alpha=40)
    a, other = opened(folders["a"], scaled)
    assert a.weights_id != other.weights_id
    assert a.fingerprint != other.fingerprint
    for subject, folder in ((a, folders["a"]), (other, scaled), (a, folders["a"])):
        assert gap(scored(subject, contexts(subject)), by_hand(reference(folder), contexts(subject))) < 1e-3


def test_where_an_adapter_was_trained_does_not_matter(folders, tmp_path):
    moved = edited(folders["a"], tmp_path / "moved", "adapter_config.json", base_model_name_or_path="x/y", revision="r")
    a, other = opened(folders["a"], f"{moved}+base={folders['base']}")
    assert a.fingerprint == other.fingerprint
