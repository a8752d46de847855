"""`whatchanged weights`: the kind first, then the modules, what is missing, and the cost."""

import json

import made
import numpy as np
import pytest

from whatchanged.cli.main import main


@pytest.fixture
def pair(tmp_path):
    rng = np.random.default_rng(0)
    base = made.llama(rng, 6, 32, 48)
    name = "model.layers.4.mlp.down_proj.weight"
    candidate = made.mapped(base, lambda w: w + made.low_rank(rng, w, 1, 0.1), [name])
    return str(made.save(tmp_path / "base", base)), str(made.save(tmp_path / "edited", candidate))


def test_says_the_kind_first_then_the_modules(pair, capsys):
    assert main(["weights", *pair, "--display", "plain"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    entries = sum(w.size for w in made.llama(np.random.default_rng(0), 6, 32, 48).values())
    assert lines[0].startswith("rank-one edit (certain): One tensor changed, model.layers.4.mlp.down_proj.weight")
    assert lines[1].split() == ["layer", "module", "|dW|/|W|", "changed", "rank", "stable", "rank", "energy", "rank"]
    assert lines[2].split() == ["4", "mlp.down_proj", "0.100", "100%", "1", "1.0", "1"]
    assert lines[3].startswith(f"{2 * 4 * entries:,} bytes read of 56 tensors in ")
    assert err.startswith("weights, bytes ...")


def test_json_is_all_there_is_on_stdout(pair, capsys):
    assert main(["weights", *pair, "--json", "--rank", "2", "--seed", "7"]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=lambda name: f"invalid {name}")
    assert found["kind"]["name"] == "rank-one edit"
    assert (found["rank"], found["seed"], len(found["modules"])) == (2, 7, 1)


def test_says_what_has_no_counterpart(tmp_path, capsys):
    w = np.ones((3, 4), np.float32)
    base = made.save(tmp_path / "a", {"x": w, "\x1b[31mevil": w, made.EMBEDDING: w, "lm_head.weight": w}, "BF16")
    other = made.save(tmp_path / "b", {"x": w, "y": w, made.EMBEDDING: w})
    assert main(["weights", str(base), str(other), "--display", "none"]) == 0
    out = capsys.readouterr().out
    assert "only in the base: evil" in out
    assert "only in the candidate: y" in out
    assert "tied to the embedding in the candidate: lm_head.weight" in out
    assert "stored otherwise: 3 tensors, BF16 to F32" in out
    assert "\x1b" not in out


def test_the_third_model(pair, tmp_path, capsys):
    from whatchanged.weights import open_checkpoint

    tensors = [{n: t.read() for n, t in open_checkpoint(folder).tensors.items()} for folder in pair]
    half = made.save(tmp_path / "half", {n: (tensors[0][n] + tensors[1][n]) / 2 for n in tensors[0]})
    assert main(["weights", pair[0], str(half), "--toward", pair[1], "--display", "none"]) == 0
    assert capsys.readouterr().out.startswith(
        "merge (certain): Every changed tensor is 0.500 x base + 0.500 x the third"
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["{base}"], "error: Missing argument 'CANDIDATE'"),
        (["{base}", "absent"], "error: no model at 'absent'"),
        (["{base}", "{base}", "--rank", "0"], "error: Invalid value for '--rank'"),
    ],
)
def test_bad_input_is_one_line(pair, capsys, words, says):
    assert main(["weights", *(word.format(base=pair[0]) for word in words), "--display", "none"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(says)
    assert len(err.splitlines()) == 1
