"""A GGUF file is read once, into a folder that is then an ordinary checkpoint."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scoring import scored

from whatchanged.errors import CheckpointError, SpecError
from whatchanged.ledger.cache import cache_root
from whatchanged.records import Prompt
from whatchanged.subjects import Context, check_specs, gguf, open_subjects

NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "post_attention_layernorm": "ffn_norm",
    "input_layernorm": "attn_norm",
    "model.layers": "blk",
}


def interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """llama.cpp keeps the halves of each rotary head interleaved."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def written(folder: Path, file: Path) -> Path:
    """A Llama folder as a GGUF file in float32."""
    from gguf import GGUFWriter

    config = json.loads((folder / "config.json").read_text())
    words = json.loads((folder / "tokenizer.json").read_text())["model"]
    writer = GGUFWriter(file, "llama")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(sorted(words["vocab"], key=words["vocab"].get))
    writer.add_token_types([3] * 3 + [1] * (config["vocab_size"] - 3))  # three control tokens
    writer.add_token_merges([" ".join(pair) for pair in words["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template((folder / "chat_template.jinja").read_text())
    for name, tensor in load_file(folder / "model.safetensors").items():
        array = tensor.numpy()
        for kind, heads in (("q_proj", "num_attention_heads"), ("k_proj", "num_key_value_heads")):
            if kind in name:
                array = interleaved(array, config[heads])
        for long, short in NAMES.items():
            name = name.replace(long, short)
        writer.add_tensor(name, np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def cached() -> set[str]:
    folder = cache_root() / "gguf"
    return {f.name for f in folder.iterdir()} if folder.is_dir() else set()


def test_file_and_folder_are_the_same_model(folders, tmp_path, monkeypatch):
    file = written(folders["base"], tmp_path / "model.gguf")
    (folder,) = open_subjects([str(folders["base"])])
    (read,) = open_subjects([str(file)])
    prompt = Prompt.user("What is the capital of France?")
    assert read.encode(prompt) == folder.encode(prompt)
    assert read.end_ids == folder.end_ids
    asked = [Context(folder.encode(prompt), folder.tokenize("The capital of France is Paris."))]
    assert (scored(read, asked).exp() - scored(folder, asked).exp()).abs().max() < 0.02
    # The second time, only the cache is read: the same bytes under another name.
    moved = file.rename(tmp_path / "moved.gguf")
    monkeypatch.setattr(gguf, "_convert", lambda *_: pytest.fail("converted twice"))
    assert open_subjects([str(moved)])[0].fingerprint == read.fingerprint
    assert read.engine.model.dtype == torch.bfloat16


@pytest.mark.parametrize("data", [b"", b"GG", b"PK\x03\x04 and so on", b"\x80\x04."])
def test_what_is_not_gguf(tmp_path, data):
    (tmp_path / "x.gguf").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"x.gguf' is not a GGUF file .*: download or convert it again$"):
        check_specs([str(tmp_path / "x.gguf")])


@pytest.mark.parametrize("data", [b"GGUF", b"GGUF" + bytes(60), b"GGUF\x03\0\0\0" + b"\xff" * 60])
def test_damaged_gguf_leaves_nothing_behind(tmp_path, data):
    (tmp_path / "x.gguf").write_bytes(data)
    before = cached()
    with pytest.raises(CheckpointError) as caught:
        open_subjects([str(tmp_path / "x.gguf")])
    assert f"'{tmp_path / 'x.gguf'}' cannot be read" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert cached() == before


@pytest.mark.parametrize("target", ["absent.gguf", "x" * 5000 + ".gguf"])
def test_absent_gguf(target):
    with pytest.raises(SpecError, match="no GGUF file at"):
        open_subjects([target])


def test_two_runs_that_convert_the_same_file_at_once_share_what_the_first_put_there(tmp_path, monkeypatch):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"weights")

    def convert(_, folder):
        (folder / "config.json").write_text("mine")
        if not (there := folder.parent / gguf.file_digest(file)).exists():
            there.mkdir()
            (there / "config.json").write_text("the other's")

    monkeypatch.setattr(gguf, "_convert", convert)
    folder = gguf.dequantised(file)
    assert (folder / "config.json").read_text() == "the other's"
    assert [f.name for f in folder.parent.iterdir()] == [folder.name]


def test_what_cannot_be_put_there_is_an_error(tmp_path, monkeypatch):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"weights")

    def convert(_, folder):
        (folder.parent / gguf.file_digest(file)).mkdir()
        (folder.parent / gguf.file_digest(file) / "left over").write_text("")

    monkeypatch.setattr(gguf, "_convert", convert)
    with pytest.raises(OSError, match="not empty"):
        gguf.dequantised(file)
