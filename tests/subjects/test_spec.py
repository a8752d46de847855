"""From the text that names a model to the checkpoint, and what is said when there is none."""

import json
import os
import pickle
import subprocess
import sys

import huggingface_hub
import pytest
import tiny

from whatchanged import registry
from whatchanged.errors import CheckpointError, SpecError, TokenizerMismatch
from whatchanged.subjects import check_specs, open_subjects, parse

BOTH = pytest.mark.parametrize("look", [check_specs, open_subjects])


def refusal(kind, look, *specs):
    """The message, after checking that it is one line."""
    with pytest.raises(kind) as caught:
        look(list(specs))
    message = str(caught.value)
    assert type(caught.value) is kind
    assert message.strip() == message != ""
    assert "\n" not in message
    assert len(message) < 700
    return message


@pytest.mark.parametrize(
    ("spec", "target", "modifiers"),
    [
        ("model", "model", []),
        ("hf/org/name", "hf/org/name", []),
        ("m+quantize=int8", "m", [("quantize", "int8")]),
        (
            "m+noise=0.1+quantize=int4+dtype=float32",
            "m",
            [("noise", "0.1"), ("quantize", "int4"), ("dtype", "float32")],
        ),
        ("a+base=hf/org/name", "a", [("base", "hf/org/name")]),
        ("a+base=/x/y+steer=v.npy:3:-2.5", "a", [("base", "/x/y"), ("steer", "v.npy:3:-2.5")]),
        ("m+system=x = y, 1 + 1", "m", [("system", "x = y, 1 + 1")]),
        ("m+system=C++ and 2+2", "m", [("system", "C++ and 2+2")]),
        ("dir/a+b/c+dtype=float16", "dir/a+b/c", [("dtype", "float16")]),
        ("m+system=" + "long " * 200, "m", [("system", "long " * 200)]),
        ("m+system=" + "你" * 200, "m", [("system", "你" * 200)]),
    ],
)
def test_parse(spec, target, modifiers):
    assert parse(spec) == (target, modifiers)


def test_an_existing_path_is_a_target_whatever_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("m+noise=1")
    assert parse("m+noise=1") == ("m+noise=1", [])
    assert parse("m+noise=2") == ("m", [("noise", "2")])


@pytest.mark.parametrize("spec", ["", " ", "\t\n"])
@BOTH
def test_empty_spec(look, spec):
    assert "empty: give a folder" in refusal(SpecError, look, spec)


@BOTH
def test_unknown_modifier_lists_the_known(look, folders):
    message = refusal(SpecError, look, f"{folders['base']}+louder=2")
    assert "'louder'" in message
    assert all(name in message for name in [*registry.modifiers, "base"])


@pytest.mark.parametrize("tail", ["+quantize", "+quantize=", "+noise+dtype=float32", "+base", "+base="])
@BOTH
def test_missing_value(look, folders, tail):
    name = tail.split("+")[1].rstrip("=")
    message = refusal(SpecError, look, f"{folders['base']}{tail}")
    assert f"'{name}'" in message
    assert f"write +{name}=VALUE" in message


@pytest.mark.parametrize(
    "tail",
    [
        "quantize=int3",
        "noise=much",
        "noise=nan",
        "prune=much",
        "prune=1",
        "prune=nan",
        "dtype=int8",
        "steer=v",
        "steer=v.npy:0:1",
    ],
)
@BOTH
def test_wrong_value_is_found_before_anything_is_loaded(look, folders, tail):
    assert tail.partition("=")[2].split(":")[0] in refusal(SpecError, look, f"{folders['base']}+{tail}")


@pytest.mark.parametrize("target", ["/no/such/model", "no-such", "x" * 5000, "a\0b", "SmolLM2", "a/b/c.safetensors"])
@BOTH
def test_missing_path(look, target):
    with pytest.raises(SpecError, match=r"give an existing folder or \.gguf file, hf/ORG/NAME, or the alias smollm2"):
        look([target])


@BOTH
def test_folder_without_a_model(look, tmp_path):
    message = refusal(SpecError, look, str(tmp_path))
    assert str(tmp_path) in message
    assert "config.json" in message


@BOTH
def test_unknown_hub_id(look, monkeypatch):
    message = refusal(SpecError, look, "hf/nobody/nothing")
    assert "'nobody/nothing'" in message
    assert "give hf/ORG/NAME or a folder" in message

    def gone(*_, **__):
        raise OSError("401 Client Error.\n\nRepository Not Found for url.\nIf it is private ...")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", gone)
    assert "401 Client Error. Repository Not Found" in refusal(SpecError, look, "hf/nobody/nothing")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: next(iter(())))
    refusal(SpecError, look, "hf/nobody/nothing")


def test_hub_model_is_the_snapshots_folder_and_no_pickle_is_asked_for(folders, monkeypatch):
    asked = {}
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda name, **how: asked.update(how, name=name) or folders["base"]
    )
    check_specs(["hf/org/name"])
    assert asked["name"] == "org/name"
    assert not {"*.bin", "*.pt", "*.pth", "*.py", "*.pkl", "*"} & set(asked["allow_patterns"])


def test_hub_prefix_before_a_local_folder_is_that_folder(folders):
    check_specs([f"hf/{folders['base']}", f"hf/{folders['a']}"])


class Evil:
    """Unpickled, it makes a file."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return (open, (str(self.file), "w"))


@pytest.fixture
def evil(tmp_path):
    """A pickle that would leave a trace, and the trace's path."""
    trace = tmp_path / "trace"
    return pickle.dumps(Evil(trace)), trace


def test_the_pickle_is_live(evil):
    data, trace = evil
    pickle.loads(data).close()
    assert trace.exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pth", "x.ckpt", "x.pkl"])
@BOTH
def test_pickled_weights_are_refused_unread(look, folders, tmp_path, evil, name):
    data, trace = evil
    folder = tiny.copied(folders["base"], tmp_path / "pickled")
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(data)
    message = refusal(CheckpointError, look, str(folder))
    assert f"{folder}/{name}" in message
    assert "convert it to safetensors" in message
    assert not trace.exists()


@pytest.mark.parametrize("decoy", [None, "decoy.safetensors"])
@BOTH
def test_pickled_adapter_is_refused_unread(look, folders, tmp_path, evil, decoy):
    data, trace = evil
    folder = tiny.copied(folders["a"], tmp_path / "pickled")
    weights = folder / "adapter_model.safetensors"
    if decoy:
        weights.rename(folder / decoy)
    else:
        weights.unlink()
    (folder / "adapter_model.bin").write_bytes(data)
    message = refusal(CheckpointError, look, str(folder))
    assert str(folder) in message
    assert "safetensors" in message
    assert not trace.exists()


def test_a_pickle_beside_safetensors_is_left_alone(folders, tmp_path, evil):
    data, trace = evil
    folder = tiny.copied(folders["base"], tmp_path / "both")
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt"):
        (folder / name).write_bytes(data)
    (folder / "pytorch_model.bin.index.json").write_text("{}")
    open_subjects([str(folder)])
    assert not trace.exists()


def test_pickled_base_of_an_adapter_is_refused(folders, tmp_path, evil):
    data, trace = evil
    folder = tiny.copied(folders["base"], tmp_path / "pickled")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(data)
    assert str(folder) in refusal(CheckpointError, check_specs, f"{folders['a']}+base={folder}")
    assert not trace.exists()


def recorded(folders, folder, base):
    """Adapter a, its recorded base replaced."""
    tiny.copied(folders["a"], folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": base}))
    return folder


@pytest.mark.parametrize("base", ["/gone/away", "some-org/some-model", "", None])
@BOTH
def test_adapter_whose_base_is_gone_asks_for_it(look, folders, tmp_path, base):
    adapter = recorded(folders, tmp_path / "adapter", base)
    message = refusal(SpecError, look, str(adapter))
    assert str(adapter) in message
    assert message.endswith("add +base=SPEC")
    assert (base or "none is recorded") in message
    look([f"{adapter}+base={folders['base']}"])
    assert "/not/there" in refusal(SpecError, look, f"{adapter}+base=/not/there")


@BOTH
def test_adapter_is_no_base(look, folders):
    """Its own weights would be left out in silence."""
    assert f"'{folders['b']}' is an adapter itself" in refusal(SpecError, look, f"{folders['a']}+base={folders['b']}")


@pytest.mark.parametrize("text", ['{"peft_type": ', "[1, 2]", "3", "\udcff"])
@BOTH
def test_unreadable_adapter_config(look, folders, tmp_path, text):
    adapter = tiny.copied(folders["a"], tmp_path / "adapter")
    (adapter / "adapter_config.json").write_text(text, errors="surrogateescape")
    assert str(adapter) in refusal(CheckpointError, look, str(adapter))


def test_tokenizer_mismatch_names_both_and_the_level_that_works(folders):
    base, other = str(folders["base"]), str(folders["neox"])
    message = refusal(TokenizerMismatch, open_subjects, base, other)
    assert base in message
    assert other in message
    assert "text-level" in message
    assert len(open_subjects([base, other], check_vocabulary=False)) == 2


def test_heads_of_other_widths_cannot_be_subtracted(folders, tmp_path):
    """A vocabulary padded to a round number, as some training scripts leave it."""
    padded = tiny.llama(tmp_path / "padded", vocab_size=320)
    assert "vocabulary sizes" in refusal(TokenizerMismatch, open_subjects, str(folders["base"]), str(padded))


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_importing_subjects_loads_no_model_library():
    done = python(
        "import sys, whatchanged.subjects\n"
        "print({'torch', 'transformers', 'peft', 'gguf', 'safetensors'} & {m.split('.')[0] for m in sys.modules})"
    )
    assert done.stdout == "set()\n", done.stderr


BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "transformers", "peft", "huggingface_hub"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
from whatchanged.errors import MissingExtra
from whatchanged.subjects import check_specs, open_subjects


def attempt(call, spec):
    try:
        call([spec])
        print("fine")
    except MissingExtra as error:
        print(error)
"""


def test_without_torch_the_extra_is_named(folders, tmp_path):
    (tmp_path / "x.gguf").write_bytes(b"GGUF" + bytes(20))
    base = str(folders["base"])
    specs = [base, f"{base}+quantize=int8", str(tmp_path / "x.gguf"), "hf/org/name"]
    calls = [f"attempt({call}, {spec!r})" for call in ("open_subjects", "check_specs") for spec in specs]
    done = python(BLOCKED + "\n".join(calls))
    lines = done.stdout.splitlines()
    wanted = "{} is not installed: pip install 'whatchanged[hf]'".format
    assert lines[:4] == [wanted("torch")] * 4, done.stderr
    # Looking at a plain folder needs no torch.
    assert lines[4:] == ["fine", wanted("torch"), wanted("torch"), wanted("huggingface_hub")], done.stderr
