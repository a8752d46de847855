"""No drift: every setting has its flag, its environment variable and, where it decides the result, its key."""

import logging
from pathlib import Path

import click
import pytest

from whatchanged.cli.diff import diff
from whatchanged.cli.main import main
from whatchanged.cli.options import MODELS
from whatchanged.cli.screen import SETTINGS
from whatchanged.config import AuditConfig, ViewConfig

# Flag, environment (and YAML) text, and the setting that must come out; the file is for the two that are paths.
AUDIT = {
    "base": (["x", "b"], "x", "x"),
    "candidate": (["a", "x"], "x", "x"),
    "pool": (["--pool", "p", "--pool", "q"], "p,q", ("p", "q")),
    "intended": (["--intended", "i.yaml"], "i.yaml", Path("i.yaml")),
    "intended_data": (["--intended-data", "d.jsonl"], "d.jsonl", Path("d.jsonl")),
    "budget": (["--budget", "deep"], "deep", "deep"),
    "max_decoded_tokens": (["--max-decoded-tokens", "9"], "9", 9),
    "max_minutes": (["--max-minutes", "2.5"], "2.5", 2.5),
    "alpha": (["--alpha", "0.1"], "0.1", 0.1),
    "margin": (["--margin", "0"], "0", 0.0),
    "fdr": (["--fdr", "saffron"], "saffron", "saffron"),
    "temperature": (["--temperature", "0.7"], "0.7", 0.7),
    "seed": (["--seed", "3"], "3", 3),
    "coupled": (["--no-coupled"], "false", False),
    "access": (["--access", "text"], "text", "text"),
    "attribute": (["--attribute"], "1", True),
    "reasoner": (["--reasoner", "mockllm/a"], "mockllm/a", "mockllm/a"),
    "critic": (["--critic", "mockllm/a"], "mockllm/a", "mockllm/a"),
    "judge": (["--judge", "mockllm/a"], "mockllm/a", "mockllm/a"),
    "rubric": (["--rubric", "It is kind."], "It is kind.", ("It is kind.",)),
    "judge_labels": (["--judge-labels", "l.jsonl"], "l.jsonl", Path("l.jsonl")),
    "finders": (["--finders", "p", "--finders", "q"], "p,q", ("p", "q")),
    "library": (["--library", "l.sqlite"], "l.sqlite", Path("l.sqlite")),
    "validators": (["--validators", "p", "--validators", "q"], "p,q", ("p", "q")),
    "self_report": (["--self-report"], "true", True),
    "max_cost": (["--max-cost", "2.5"], "2.5", 2.5),
    "identity_shortcut": (["--no-identity-shortcut"], "0", False),
    "method": (["--method", "clustering"], "clustering", "clustering"),
    "texts": (["--texts", "250"], "250", 250),
    "cluster_by": (["--cluster-by", "hdbscan"], "hdbscan", "hdbscan"),
}
VIEW = {
    "out": (["--out", "elsewhere"], "elsewhere"),
    "fail_on": (["--fail-on", "any"], "any"),
    "display": (["--display", "log"], "log"),
    "json_": (["--json"], "1"),
}


def options_of(command: click.Command) -> dict[str, click.Parameter]:
    return {parameter.name: parameter for parameter in command.params if parameter.name}


def run(audit, args):
    assert main(["diff", *args]) == 0
    return audit.configs[-1]


def test_every_field_is_tried():
    assert list(AUDIT) == list(AuditConfig.model_fields)
    assert list(VIEW) == list(ViewConfig.model_fields)


@pytest.mark.parametrize("field", AUDIT)
def test_flag(audit, field):
    flags, _, expected = AUDIT[field]
    args = flags if field in MODELS else ["a", "b", *flags]
    assert getattr(run(audit, args), field) == expected


@pytest.mark.parametrize("field", AUDIT)
def test_environment_and_the_flag_over_it(audit, monkeypatch, field):
    flags, variable, expected = AUDIT[field]
    monkeypatch.setenv(f"WHATCHANGED_{field.upper()}", variable)
    if field in MODELS:
        (other,) = {"base", "candidate"} - {field}
        monkeypatch.setenv(f"WHATCHANGED_{other.upper()}", "y")
        assert getattr(run(audit, []), field) == expected
        assert getattr(run(audit, ["flag", "flag"]), field) == "flag"
    else:
        config = run(audit, ["a", "b"])
        assert getattr(config, field) == expected
        monkeypatch.setenv(f"WHATCHANGED_{field.upper()}", "not a setting")
        assert getattr(run(audit, ["a", "b", *flags]), field) == expected


def test_a_flag_at_its_default_wins_over_the_environment(audit, monkeypatch):
    monkeypatch.setenv("WHATCHANGED_ALPHA", "0.2")
    assert run(audit, ["a", "b"]).alpha == 0.2
    assert run(audit, ["a", "b", "--alpha", "0.05"]).alpha == 0.05
    monkeypatch.setenv("WHATCHANGED_COUPLED", "false")
    assert run(audit, ["a", "b", "--coupled"]).coupled is True


def test_the_file_may_hold_everything(audit, elsewhere):
    (elsewhere / "audit.yaml").write_text("base: a\ncandidate: b\nalpha: 0.1\npool: [p, q]\n")
    config = run(audit, ["--config", "audit.yaml", "--margin", "0.1"])
    assert (config.base, config.candidate, config.alpha, config.pool) == ("a", "b", 0.1, ("p", "q"))
    assert config.margin == 0.1


@pytest.mark.parametrize("how", ["flag", "environment"])
@pytest.mark.parametrize("field", VIEW)
def test_view(audit, monkeypatch, capsys, elsewhere, field, how):
    # As in a program that set up no logging: pytest keeps handlers of its own on the root logger.
    monkeypatch.setattr(logging.getLogger("whatchanged"), "hasHandlers", lambda: False)
    flags, variable = VIEW[field]
    args = ["diff", "a", "b", *(flags if how == "flag" else [])]
    if how == "environment":
        monkeypatch.setenv(f"WHATCHANGED_{(ViewConfig.model_fields[field].alias or field).upper()}", variable)
    code = main(args)
    out, err = capsys.readouterr()
    assert code == (3 if field == "fail_on" else 0)
    assert out.startswith("{") == (field == "json_")
    assert (audit.outs == [Path("elsewhere")]) == (field == "out")
    assert (" INFO screen" in err) == (field == "display")


def test_help_and_defaults_come_from_the_fields():
    options = options_of(diff)
    for name, field in (AuditConfig.model_fields | ViewConfig.model_fields).items():
        if name not in MODELS:
            assert isinstance(options[name], click.Option)
            assert options[name].help == field.description
            assert options[name].default == field.default


def test_help_shows_choices_defaults_and_limits(capsys):
    assert main(["diff", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "diff [OPTIONS] BASE CANDIDATE" in text
    assert "--budget [small|standard|deep] How much work to do. [default: small]" in text
    assert "[default: 0.05; 0<x<1]" in text
    assert "--coupled / --no-coupled" in text
    assert "[default: coupled]" in text


def test_screen_takes_only_settings_that_exist():
    assert set(SETTINGS) <= set(AuditConfig.model_fields)
