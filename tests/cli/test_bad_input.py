"""Bad input through the real command and real (tiny) checkpoints: one clear line, exit code 2, no traceback."""

import json
from pathlib import Path

import pytest

from whatchanged.cli.main import main

torch = pytest.importorskip("torch")
tiny = pytest.importorskip("tiny")


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    """A base and the ways in which a candidate can be unusable."""
    root = tmp_path_factory.mktemp("models")
    base = tiny.llama(root / "base")
    other = tiny.llama(root / "other", hidden_size=16, num_attention_heads=2, num_key_value_heads=1)
    stranger = tiny.lora(other, root / "stranger")
    config = json.loads((stranger / "adapter_config.json").read_text())
    (stranger / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": str(base)}))
    pickled = root / "pickled"
    pickled.mkdir()
    (pickled / "config.json").write_text((base / "config.json").read_text())
    torch.save({"x": torch.zeros(1)}, pickled / "pytorch_model.bin")

    def poison(tensors):
        next(iter(tensors.values()))[0] = float("nan")

    return {
        "base": base,
        "neox": tiny.neox(root / "neox"),
        "stranger": stranger,
        "pickled": pickled,
        "nan": tiny.copied(base, root / "nan", poison),
    }


def refused(capsys, *arguments: object) -> str:
    """The single line on stderr of a command that must exit with 2 and print nothing else."""
    code = main(["diff", *map(str, arguments), "--display", "none"])
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.strip()]
    assert code == 2
    assert out == ""
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize(
    ("candidate", "says"),
    [
        ("neox", "tokenizer"),
        ("stranger", "+base="),
        ("pickled", "pickle"),
        ("nan", "NaN"),
    ],
)
def test_an_unusable_candidate(models, capsys, tmp_path, candidate, says):
    line = refused(capsys, models["base"], models[candidate], "--out", tmp_path / "run")
    assert says in line
    assert candidate in line


def test_a_missing_path(models, capsys, tmp_path):
    line = refused(capsys, models["base"], tmp_path / "absent", "--out", tmp_path / "run")
    assert "absent" in line
    assert not (tmp_path / "run").exists()


def test_an_unknown_modifier(models, capsys, tmp_path):
    line = refused(capsys, models["base"], f"{models['base']}+shrink=2", "--out", tmp_path / "run")
    assert "shrink" in line
    assert "quantize" in line


def test_an_empty_pool(models, capsys, tmp_path):
    pool = tmp_path / "empty.jsonl"
    pool.write_text("")
    assert "empty.jsonl" in refused(capsys, models["base"], models["base"], "--pool", pool, "--out", tmp_path / "run")


def test_a_malformed_line_by_its_number(models, capsys, tmp_path):
    pool = tmp_path / "pool.jsonl"
    pool.write_text('{"prompt": "one"}\n{"prompt": "two"}\n{"prompt": \n')
    line = refused(capsys, models["base"], models["base"], "--pool", pool, "--out", tmp_path / "run")
    assert "line 3" in line


def test_a_run_directory_that_cannot_be_written(models, capsys, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    line = refused(capsys, models["base"], models["base"], "--out", blocked / "run")
    assert "--out" in line
