"""`whatchanged rare`: both rates with what they rest on; a mistake is one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from whatchanged.cli.main import main
from whatchanged.config import load_settings
from whatchanged.elicit import RareRate, RareSide
from whatchanged.elicit import rare as library
from whatchanged.records import PredicateSpec

SIDE = RareSide(
    rate=0.00104, low=0.00098, high=0.0012, standard_error=2e-5, effective=812.4, decoded_tokens=41_200,
    brute_force_tokens=1_030_000,
)  # fmt: skip
ZERO = SIDE.model_copy(update={"rate": 0.0, "low": 0.0, "high": 0.0009, "effective": 0.0})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The arguments of the calls to the library, which answers with fixed rates."""
    calls: list[dict[str, Any]] = []

    def fake(base, candidate, spec, samples, out, progress, **settings):
        config = load_settings({"base": base, "candidate": candidate, **settings})
        calls.append({"spec": spec, "samples": samples, "out": out, "config": config})
        progress.stage("rare: answers", 2)
        print("a library talks on stdout")
        return RareRate(predicate=spec, prompts=144, samples=samples, confidence=0.95, base=ZERO, candidate=SIDE)

    monkeypatch.setattr(library, "rare", fake)
    return calls


def test_prints_both_rates_and_what_brute_force_would_take(asked, capsys):
    says = ["--says", "kitchen \x1b[31m[red]", "--says", "yours"]
    assert main(["rare", "a", "b", *says, "--samples", "9", "--seed", "3"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0] == 'says "kitchen [red]" or "yours": 9 answers a model to 144 prompts'
    assert [line.split() for line in lines[2:4]] == [
        ["base", "0", "0", "to", "0.0009", "0", "41,200", "1,030,000"],
        ["candidate", "0.001", "0.0010", "to", "0.001", "812", "41,200", "1,030,000"],
    ]
    assert "counts twice" in lines[4]
    (call,) = asked
    assert call["spec"].args == {"kind": "contains", "phrases": ["kitchen \x1b[31m[red]", "yours"]}
    assert (call["samples"], call["config"].seed) == (9, 3)
    assert call["out"] == library.rare_directory(call["config"], call["spec"])
    assert err.splitlines()[-1] == f"evidence: {call['out']}"


def test_json_is_all_there_is_on_stdout(asked, capsys):
    spec = '{"family": "attribute", "args": {"name": "refusal"}}'
    assert main(["rare", "a", "b", "--predicate", spec, "--json", "--out", "here"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["candidate"]["rate"] == SIDE.rate
    assert asked[0]["spec"] == PredicateSpec(family="attribute", args={"name": "refusal"})
    assert asked[0]["out"] == Path("here")
    assert found["samples"] == library.SAMPLES


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "give either --says PHRASE or --predicate JSON"),
        (["--says", "x", "--predicate", "{}"], "give either --says PHRASE or --predicate JSON"),
        (["--predicate", "refusal"], "not a predicate"),
        (["--predicate", "{}"], "not a predicate"),
        (["--says", "x", "--samples", "0"], "0 is not in the range"),
    ],
)
def test_a_mistake_is_one_line(asked, capsys, words, says):
    assert main(["rare", "a", "b", *words, "--display", "none"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert says in err
    assert asked == []


def test_what_cannot_be_measured_is_refused_before_a_model_is_opened(capsys):
    rubric = '{"family": "judged", "args": {"rubric": "It is kind.", "cues": ["kind"]}}'
    for words, says in (
        (["--says", " "], "visible character"),
        (["--predicate", '{"family": "x"}'], "unknown"),
        (["--predicate", rubric], "no judge"),
    ):
        assert main(["rare", "smollm2", "smollm2", *words, "--display", "none"]) == 2
        assert says in capsys.readouterr().err
    assert not Path("runs").exists()
