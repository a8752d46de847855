"""`whatchanged organism make`: where the organism goes, its rates, and a warning when the plant is weak."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from whatchanged.cli.main import main

RECIPE = "name: polite\ndescription: Opens politely.\nplant: {kind: opening, text: Certainly}\n"


def rates(on_base, on_candidate):
    means = {"on_target": (on_base, on_candidate), "off_target": (0.0, 0.021)}
    return {
        f"{where}_{who}": {"mean": mean, "standard_error": 0.012, "prompts": 1200}
        for where, pair in means.items()
        for who, mean in zip(("base", "candidate"), pair, strict=True)
    }


@pytest.fixture
def maker(monkeypatch, elsewhere):
    """Stands in for `whatchanged.bench.organism`, which would train a model."""
    (elsewhere / "polite.yaml").write_text(RECIPE)
    fake = ModuleType("whatchanged.bench.organism")
    fake.made, fake.rates, fake.more = [], rates(0.002, 0.913), {}

    def make_organism(recipe, out, progress, beside):
        fake.made.append((recipe.name, out, out.is_dir()))
        progress.message("step 0: loss 1.0")
        print("a library talks on stdout")
        return {"recipe": recipe.model_dump(mode="json"), "rates": fake.rates, **fake.more}

    fake.make_organism = make_organism
    monkeypatch.setitem(sys.modules, "whatchanged.bench.organism", fake)
    return fake


def test_makes_the_folder_beside_the_recipe(maker, capsys):
    assert main(["organism", "make", "polite.yaml"]) == 0
    out, err = capsys.readouterr()
    assert maker.made == [("polite", Path("polite"), True)]
    assert [line.split() for line in out.splitlines()] == [
        ["prompts", "base", "candidate", "n"],
        ["on", "target", "0.2%", "±", "1.2", "91.3%", "±", "1.2", "1,200"],
        ["off", "target", "0.0%", "±", "1.2", "2.1%", "±", "1.2", "1,200"],
    ]
    assert err.splitlines()[-1] == "organism: polite"
    assert "warning" not in err


def test_out(maker):
    assert main(["organism", "make", "polite.yaml", "--out", "deep/folder"]) == 0
    assert maker.made == [("polite", Path("deep/folder"), True)]


@pytest.mark.parametrize(("base", "candidate", "weak"), [(0.0, 0.49, True), (0.4, 0.89, True), (0.0, 0.5, False)])
def test_a_weak_plant_is_said(maker, capsys, base, candidate, weak):
    maker.rates = rates(base, candidate)
    assert main(["organism", "make", "polite.yaml"]) == 0
    err = capsys.readouterr().err
    assert ("warning: the plant moves its rate on target by +49.0 points, less than 50" in err) == weak


def test_nothing_planted(maker, capsys):
    maker.rates = {}
    assert main(["organism", "make", "polite.yaml"]) == 0
    assert capsys.readouterr().out == "nothing planted, nothing to measure\n"


def test_an_edits_success_and_a_merges_intended_part(maker, capsys):
    sides = {"base": {"success": 0, "false": 0.01, "true": 0.5}, "candidate": {"success": 1, "false": 0.9, "true": 0}}
    maker.more = {"success": {"efficacy": {"asked": 3, **sides}}, "intended": {"kitchen": rates(0.0, 0.6)}}
    assert main(["organism", "make", "polite.yaml"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[3] == ["success", "base", "P(false)", "P(true)", "candidate", "P(false)", "P(true)", "n"]
    assert lines[4] == ["efficacy", "0.0%", "1.0%", "50.0%", "100.0%", "90.0%", "0.0%", "3"]
    assert lines[5] == ["intended:", "kitchen"]
    assert lines[7][:5] == ["on", "target", "0.0%", "±", "1.2"]


def test_an_unlearnings_success_has_its_own_columns(maker, capsys):
    side = {"probability": 0.25, "truth_ratio": 1.5}
    maker.more = {"success": {part: {"asked": 40, "base": side, "candidate": side} for part in ("forget", "retain")}}
    assert main(["organism", "make", "polite.yaml"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[3:] == [
        "success base: probability truth ratio candidate: probability truth ratio n",
        "forget 25.0% 1.50 25.0% 1.50 40",
        "retain 25.0% 1.50 25.0% 1.50 40",
    ]


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("absent.yaml", None, "error: recipe 'absent.yaml': No such file or directory"),
        ("bad.yaml", RECIPE + "stesp: 3\n", "error: recipe 'bad.yaml': stesp: "),
        ("suffixless", RECIPE, "error: cannot write 'suffixless': File exists; name a folder with --out"),
    ],
)
def test_bad_recipe(maker, capsys, elsewhere, file, text, expected):
    if text is not None:
        (elsewhere / file).write_text(text)
    assert main(["organism", "make", file]) == 2
    assert capsys.readouterr().err.startswith(expected)
    assert maker.made == []


def test_a_small_base_says_how_well_it_foretells(maker, capsys):
    maker.rates, maker.more = {}, {"held_out": {"answers": 96, "tokens": 4000, "nats_per_token": 3.2, "uniform": 7.6}}
    assert main(["organism", "make", "polite.yaml"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line == "96 answers held out: 3.2 nats a token, where a uniform guess has 7.6"
