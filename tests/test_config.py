"""Settings: the same field from a flag, a YAML file or the environment, and what happens to bad values."""

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from whatchanged.config import BUDGETS, AuditConfig, ViewConfig, load_settings
from whatchanged.errors import SpecError

MODELS = {"base": "a", "candidate": "b"}


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("WHATCHANGED_"):
            monkeypatch.delenv(name)


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "whatchanged.yaml"
    file.write_text(text)
    return file


# One value a field, as each source writes it, and what must come out.
FIELDS: list[tuple[str, Any, str, str, Any]] = [
    # field, flag, YAML, environment, setting
    ("base", "m", "m", "m", "m"),
    ("candidate", "m", "m", "m", "m"),
    ("pool", ("a", "b"), "[a, b]", "a,b", ("a", "b")),
    ("intended", Path("i.yaml"), "i.yaml", "i.yaml", Path("i.yaml")),
    ("intended_data", Path("d.jsonl"), "d.jsonl", "d.jsonl", Path("d.jsonl")),
    ("budget", "deep", "deep", "deep", "deep"),
    ("max_decoded_tokens", 5000, "5000", "5000", 5000),
    ("max_minutes", 2.5, "2.5", "2.5", 2.5),
    ("alpha", 0.1, "0.1", "0.1", 0.1),
    ("margin", 0.0, "0", "0", 0.0),
    ("fdr", "addis", "addis", "addis", "addis"),
    ("temperature", 0.7, "0.7", "0.7", 0.7),
    ("seed", 3, "3", "3", 3),
    ("coupled", False, "false", "false", False),
    ("access", "text", "text", "text", "text"),
    ("attribute", True, "true", "1", True),
    ("reasoner", "mockllm/model", "mockllm/model", "mockllm/model", "mockllm/model"),
    ("critic", "mockllm/model", "mockllm/model", "mockllm/model", "mockllm/model"),
    ("judge", "mockllm/model", "mockllm/model", "mockllm/model", "mockllm/model"),
    ("rubric", ("It is kind.",), "[It is kind.]", "It is kind.", ("It is kind.",)),
    ("judge_labels", Path("l.jsonl"), "l.jsonl", "l.jsonl", Path("l.jsonl")),
    ("finders", ("a", "b"), "[a, b]", "a,b", ("a", "b")),
    ("library", Path("l.sqlite"), "l.sqlite", "l.sqlite", Path("l.sqlite")),
    ("validators", ("a", "b"), "[a, b]", "a,b", ("a", "b")),
    ("self_report", True, "true", "1", True),
    ("max_cost", 2.5, "2.5", "2.5", 2.5),
    ("identity_shortcut", False, "false", "0", False),
    ("method", "clustering", "clustering", "clustering", "clustering"),
    ("texts", 250, "250", "250", 250),
    ("cluster_by", "hdbscan", "hdbscan", "hdbscan", "hdbscan"),
]


def test_every_field_is_tried() -> None:
    assert [field for field, *_ in FIELDS] == list(AuditConfig.model_fields)


@pytest.mark.parametrize(("field", "flag", "_yaml", "_env", "expected"), FIELDS)
def test_flag(field: str, flag: Any, _yaml: str, _env: str, expected: Any) -> None:
    assert getattr(load_settings(MODELS | {field: flag}), field) == expected


@pytest.mark.parametrize(("field", "_flag", "yaml", "_env", "expected"), FIELDS)
def test_yaml(tmp_path: Path, field: str, _flag: Any, yaml: str, _env: str, expected: Any) -> None:
    others = {name: value for name, value in MODELS.items() if name != field}
    assert getattr(load_settings(others, written(tmp_path, f"{field}: {yaml}")), field) == expected


@pytest.mark.parametrize(("field", "_flag", "_yaml", "env", "expected"), FIELDS)
def test_environment(
    monkeypatch: pytest.MonkeyPatch, field: str, _flag: Any, _yaml: str, env: str, expected: Any
) -> None:
    monkeypatch.setenv(f"WHATCHANGED_{field.upper()}", env)
    others = {name: value for name, value in MODELS.items() if name != field}
    assert getattr(load_settings(others), field) == expected


def test_defaults_then_file_then_environment_then_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(MODELS).alpha == 0.05
    file = written(tmp_path, "alpha: 0.1")
    assert load_settings(MODELS, file).alpha == 0.1
    monkeypatch.setenv("WHATCHANGED_ALPHA", "0.2")
    assert load_settings(MODELS, file).alpha == 0.2
    assert load_settings(MODELS | {"alpha": 0.3}, file).alpha == 0.3


def test_a_flag_that_was_not_given_hides_nothing(tmp_path: Path) -> None:
    settings = load_settings(MODELS | {"alpha": None, "pool": ()}, written(tmp_path, "alpha: 0.1\npool: [x]"))
    assert (settings.alpha, settings.pool) == (0.1, ("x",))


def test_a_false_flag_is_given(tmp_path: Path) -> None:
    assert load_settings(MODELS | {"coupled": False, "seed": 0}, written(tmp_path, "seed: 4")).coupled is False
    assert load_settings(MODELS | {"seed": 0}, written(tmp_path, "seed: 4")).seed == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base", 3),
        ("candidate", ["x"]),
        ("pool", "builtin"),
        ("intended", 3),
        ("intended_data", ["x"]),
        ("budget", "huge"),
        ("max_decoded_tokens", 0),
        ("max_decoded_tokens", "1.5"),
        ("max_minutes", -1),
        ("alpha", 0),
        ("alpha", 1),
        ("alpha", float("nan")),
        ("alpha", "five"),
        ("margin", 1),
        ("margin", -0.1),
        ("fdr", "bonferroni"),
        ("temperature", 0),
        ("seed", -1),
        ("seed", 1.5),
        ("coupled", "perhaps"),
        ("identity_shortcut", 2),
        ("alhpa", 0.1),
    ],
)
def test_bad_value_names_field_and_value(field: str, value: Any) -> None:
    with pytest.raises(SpecError) as caught:
        load_settings(MODELS | {field: value})
    assert str(caught.value).startswith(f"{field}={value!r}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ["base", "candidate"])
def test_missing_model_is_named(field: str) -> None:
    with pytest.raises(SpecError, match=f"^{field}=.*required"):
        load_settings({name: value for name, value in MODELS.items() if name != field})


def test_bad_environment_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATCHANGED_MARGIN", "lots")
    with pytest.raises(SpecError, match=r"^margin='lots': "):
        load_settings(MODELS)


@pytest.mark.parametrize("text", ["alpha", "- a\n- b", "", "3"])
def test_file_without_keys_is_named(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(SpecError, match=f"config file {file}: expected 'key: value' lines"):
        load_settings(MODELS, file)


def test_file_that_is_not_yaml_is_named_in_one_line(tmp_path: Path) -> None:
    file = written(tmp_path, "alpha: [0.1\nbeta: }")
    with pytest.raises(SpecError, match=f"^config file {file}: ") as caught:
        load_settings(MODELS, file)
    assert "\n" not in str(caught.value)


def test_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"config file .*absent\.yaml: "):
        load_settings(MODELS, tmp_path / "absent.yaml")


def test_yaml_cannot_run_code(tmp_path: Path) -> None:
    file = written(tmp_path, f"base: !!python/object/apply:os.mkdir ['{tmp_path}/made']")
    with pytest.raises(SpecError, match="config file"):
        load_settings(MODELS, file)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(("field", "flag", "_yaml", "_env", "_expected"), FIELDS)
def test_every_field_changes_the_digest(field: str, flag: Any, _yaml: str, _env: str, _expected: Any) -> None:
    assert load_settings(MODELS | {field: flag}).digest != load_settings(MODELS).digest


def test_equal_settings_share_a_digest(tmp_path: Path) -> None:
    from_file = load_settings(MODELS, written(tmp_path, "alpha: 0.1"))
    assert from_file.digest == load_settings(MODELS | {"alpha": 0.1}).digest
    assert len(from_file.digest) == 10


def test_budgets_grow() -> None:
    small, standard, deep = (load_settings(MODELS | {"budget": name}).limits for name in BUDGETS)
    for field in type(small).model_fields:
        assert getattr(small, field) <= getattr(standard, field) <= getattr(deep, field), field


def test_every_field_says_what_it_is_for() -> None:
    described = AuditConfig.model_fields | ViewConfig.model_fields
    assert [name for name, field in described.items() if not field.description] == []


def test_view_settings() -> None:
    assert ViewConfig.model_validate({"json": True}).json_ is True
    with pytest.raises(ValidationError, match="fail_on"):
        ViewConfig(fail_on="sometimes")
