"""`whatchanged screen`: P(change) per category and the leads."""

import json
from pathlib import Path

from whatchanged.cli.main import main
from whatchanged.report.model import FinderUse


def test_prints_categories_and_leads_strongest_first(audit, capsys):
    assert main(["screen", "a", "b", "--seed", "3"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("P(change) 0.600 (noise floor 0.030), mean total variation 0.100 a token")
    assert [line.split() for line in out.splitlines()[2:4]] == [
        ["law", "56", "0.870"],
        ["cooking", "56", "0.310"],
    ]
    assert out.splitlines()[4:] == [
        "L1 '[red]kitchen' 40% of the divergence",
        "L2 'plainly' 10% of the divergence",
    ]
    assert audit.configs[0].seed == 3
    assert err.splitlines()[-1] == f"evidence: {audit.outs[0]}"


def test_json_is_all_there_is_on_stdout(audit, capsys):
    audit.changes = {"cost": {"seconds": {"screen": float("inf")}}}
    assert main(["screen", "a", "b", "--json", "--out", "here"]) == 0
    screened = json.loads(capsys.readouterr().out, parse_constant=lambda name: f"invalid {name}")
    assert [lead["id"] for lead in screened["leads"]] == ["a", "b"]
    assert screened["cost"]["seconds"]["screen"] is None
    assert audit.outs == [Path("here")]


def test_searches_are_told_between_the_categories_and_the_leads(audit, capsys):
    audit.changes = {"finders": (FinderUse(name="sweep", prompts=96, scored_tokens=8124, note="led by \x1b[31m[red]"),)}
    assert main(["screen", "a", "b", "--finders", "sweep"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[4] == "beyond the pool: sweep made 96 prompts, 8,124 tokens scored; led by [red]"
    assert lines[5].startswith("L1")
    assert audit.configs[0].finders == ("sweep",)


def test_no_leads(audit, capsys):
    audit.changes = {"leads": ()}
    assert main(["screen", "a", "b"]) == 0
    assert capsys.readouterr().out.endswith("no leads\n")
