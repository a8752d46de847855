"""The run directory: each step once and whole, and no run resumed that is another one."""

import json
from typing import Any

import pytest

from whatchanged.config import AuditConfig
from whatchanged.errors import RunDirectoryError
from whatchanged.ledger import Ledger, json_codec
from whatchanged.records import Cost, Tokens

NUMBERS = json_codec(list[int])


class Step:
    """A computation that counts how often it ran."""

    def __init__(self, value, decoded=0, error=None):
        self.value, self.cost, self.error, self.runs = value, Cost(decoded_tokens=Tokens(base=decoded)), error, 0

    def __call__(self):
        self.runs += 1
        if self.error:
            raise self.error
        return self.value, self.cost


def test_a_step_is_computed_once(new_ledger):
    step = Step([1, 2])
    assert [new_ledger().once("a/step", NUMBERS, step) for _ in range(3)] == [[1, 2]] * 3
    assert step.runs == 1


def test_the_result_is_what_a_resumed_run_would_read(new_ledger):
    assert new_ledger().once("a/step", json_codec(Any), lambda: ((1, 2), Cost())) == [1, 2]


def test_costs_and_seconds_add_up_and_survive_a_resume(new_ledger):
    ledger = new_ledger()
    ledger.once("screen/one", NUMBERS, Step([], 3))
    ledger.once("screen/two", NUMBERS, Step([], 4))
    ledger.once("confirm/0000/deep", NUMBERS, Step([], 5))
    again = new_ledger()
    assert again.cost == Cost()
    for name in ("screen/one", "screen/two", "confirm/0000/deep"):
        again.once(name, NUMBERS, Step([]))
    assert again.cost == ledger.cost == Cost(decoded_tokens=Tokens(base=12))
    assert again.seconds == ledger.seconds
    assert set(ledger.seconds) == {"screen", "confirm"}


def test_a_step_read_twice_is_counted_once(new_ledger):
    ledger = new_ledger()
    for _ in range(3):
        ledger.once("a/step", NUMBERS, Step([], 3))
    assert ledger.cost.decoded_tokens.base == 3


def test_a_failed_step_leaves_nothing(new_ledger):
    ledger = new_ledger()
    with pytest.raises(KeyboardInterrupt):
        ledger.once("a/step", NUMBERS, Step([1], error=KeyboardInterrupt()))
    assert not (ledger.directory / "evidence").exists()
    assert ledger.once("a/step", NUMBERS, Step([2])) == [2]


def test_a_value_without_its_cost_did_not_happen(new_ledger, monkeypatch):
    ledger = new_ledger()
    written = []

    def killed(path, data):
        written.append(path.name)
        if path.name.endswith(".cost.json"):
            raise KeyboardInterrupt
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    monkeypatch.setattr("whatchanged.ledger.run.write_atomic", killed)
    with pytest.raises(KeyboardInterrupt):
        ledger.once("a/step", NUMBERS, Step([1]))
    monkeypatch.undo()
    assert written == ["step.json", "step.cost.json"]
    step = Step([2], 7)
    again = new_ledger()
    assert again.once("a/step", NUMBERS, step) == [2]
    assert (step.runs, again.cost.decoded_tokens.base) == (1, 7)


def test_no_scratch_files_stay(new_ledger):
    ledger = new_ledger()
    ledger.once("a/step", NUMBERS, Step([1]))
    names = {p.name for p in ledger.directory.rglob("*") if p.is_file()}
    assert names == {"config.json", "step.json", "step.cost.json"}


def test_another_setting_is_refused_in_one_line_naming_both_values(new_ledger):
    new_ledger(seed=1)
    with pytest.raises(RunDirectoryError) as caught:
        new_ledger(seed=2)
    message = str(caught.value)
    assert "\n" not in message
    assert "seed=1, not 2" in message
    assert "--out" in message
    new_ledger(seed=1)


def test_other_content_under_the_same_names_is_refused(new_ledger):
    content = {"base": "weights-a", "candidate": "weights-b", "prompts": ["p", "q"]}
    for _ in range(2):
        new_ledger().identify(**content)
    for part, other in {"base": "other", "candidate": "other", "prompts": ["q", "p"]}.items():
        with pytest.raises(RunDirectoryError, match=f"^'.*run' was made with other {part} .*--out$"):
            new_ledger().identify(**content | {part: other})


@pytest.mark.parametrize("content", ["{", "[]", "3", "\xff\xfe"])
def test_a_folder_that_is_no_run_is_refused(new_ledger, tmp_path, content):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(RunDirectoryError, match=r"^'.*config\.json' is not a run's config; choose another --out$"):
        new_ledger()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_place_that_cannot_be_written_is_refused_in_one_line(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryError, match=r"^cannot write run directory '.*file.*': .*--out$"):
        Ledger(tmp_path / place, AuditConfig(base="b", candidate="c"))


def test_the_config_is_kept_in_full(new_ledger):
    ledger = new_ledger(alpha=0.1)
    stored = json.loads((ledger.directory / "config.json").read_text())
    assert AuditConfig.model_validate(stored) == ledger.config


def test_the_token_limit_is_said_when_no_more_pairs_fit(new_ledger):
    ledger = new_ledger(max_decoded_tokens=10_000)
    assert (ledger.out_of_budget(), ledger.tokens_left()) == (None, 10_000)
    ledger.once("a/step", NUMBERS, Step([], 10_000 - ledger.pair_batch))
    assert (ledger.out_of_budget(), ledger.tokens_left()) == (None, ledger.pair_batch)
    ledger.once("a/more", NUMBERS, Step([], 1))
    assert ledger.out_of_budget() == "--max-decoded-tokens 10000"
    ledger.once("a/last", NUMBERS, Step([], ledger.pair_batch + 50))
    assert ledger.tokens_left() == 0


def test_reused_responses_do_not_count_against_the_limit(new_ledger):
    ledger = new_ledger(max_decoded_tokens=10)
    ledger.once("a/step", NUMBERS, lambda: ([], Cost(decoded_tokens=Tokens(reused=50))))
    assert ledger.tokens_left() == 10


def test_minutes_count_over_all_sessions(new_ledger):
    ledger = new_ledger(max_minutes=1.5)
    ledger.once("a/step", NUMBERS, Step([]))
    assert not ledger.out_of_time()
    file = ledger.directory / "evidence" / "a" / "step.cost.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"seconds": 91.0}))
    again = new_ledger(max_minutes=1.5)
    again.once("a/step", NUMBERS, Step([]))
    assert again.out_of_time()
    assert again.out_of_budget() == "--max-minutes 1.5"


def test_without_a_limit_everything_is_affordable(new_ledger):
    ledger = new_ledger()
    assert ledger.affordable() > 10**10
    assert (ledger.out_of_budget(), ledger.out_of_time()) == (None, False)
    assert ledger.peak_memory() > 10**6
