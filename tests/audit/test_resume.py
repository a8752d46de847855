"""Killed anywhere, the same command ends with the report of a run that was not."""

import json

import pytest
from budget import SMALLER
from words import KITCHEN, TOPICS, Plant, WordSubject

from whatchanged import audit
from whatchanged.config import BUDGETS
from whatchanged.errors import RunDirectoryError
from whatchanged.ledger import Ledger, write_atomic

PLANTS = (Plant(KITCHEN, 0.8, TOPICS["cooking"]), Plant("Ask a lawyer before dawn", 0.9, after="Perhaps"))


class Killed(BaseException):
    """Not an Exception, as a signal is none."""


@pytest.fixture
def run(diff, monkeypatch, tmp_path, tiny_budget):
    """One audit below `name`, with a cache that no other shares; the text of its report."""
    monkeypatch.setitem(BUDGETS, "small", SMALLER)

    def work(name, **settings):
        monkeypatch.setenv("WHATCHANGED_CACHE", str(tmp_path / f"cache-{name}"))
        diff(WordSubject(), WordSubject(*PLANTS), name, **settings)
        loaded = json.loads((tmp_path / name / "report.json").read_text())
        for machine in ("seconds", "peak_memory"):
            del loaded["cost"][machine]
        return json.dumps(loaded)

    return work


def killed_after(limit, work):
    """`work` that dies when it has been called `limit` times; and the count of its calls."""
    calls = []

    def dying(*args):
        result = work(*args)
        calls.append(args)
        if len(calls) == limit:
            raise Killed
        return result

    return dying, calls


def sample(total, count):
    return sorted({1 + round(i * (total - 1) / (count - 1)) for i in range(count)})


def test_killed_after_any_step(run, monkeypatch):
    counting, steps = killed_after(None, Ledger.once)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "once", counting)
        whole = run("whole")
    stages = {step[1].split("/")[0] for step in steps}
    assert stages == {"screen", "weights", "search", "elicit", "describe", "confirm"}
    assert any("-scored" in step[1] for step in steps)
    assert any("/pairs-" in step[1] for step in steps if step[1].startswith("confirm"))
    for limit in sample(len(steps), 15):
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "once", killed_after(limit, Ledger.once)[0])
            with pytest.raises(Killed):
                run(f"killed-{limit}")
        assert run(f"killed-{limit}") == whole, steps[limit - 1][1]


def test_killed_between_a_result_and_its_cost(run, monkeypatch):
    target = "whatchanged.ledger.run.write_atomic"
    counting, writes = killed_after(None, write_atomic)
    with monkeypatch.context() as patch:
        patch.setattr(target, counting)
        whole = run("whole")
    values = [i + 1 for i, (path, _) in enumerate(writes) if (path.parent / f"{path.stem}.cost.json").exists()]
    assert len(values) > 10
    for limit in values[:: len(values) // 5]:
        with monkeypatch.context() as patch:
            patch.setattr(target, killed_after(limit, write_atomic)[0])
            with pytest.raises(Killed):
                run(f"killed-{limit}")
        assert run(f"killed-{limit}") == whole, writes[limit - 1][0].name


def test_killed_again_and_again(run, monkeypatch):
    whole = run("whole")
    for attempt in range(60):
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "_note", killed_after(attempt + 2, Ledger._note)[0])
            try:
                again = run("stubborn")
            except Killed:
                continue
        break
    assert attempt > 5
    assert again == whole


def test_killed_while_the_report_is_written(run, monkeypatch, tmp_path):
    whole = run("whole")
    with monkeypatch.context() as patch:
        patch.setattr(audit, "write_report", lambda *args: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            run("late")
    assert not (tmp_path / "late" / "report.json").exists()
    assert run("late") == whole


def test_a_finished_run_returns_at_once(run, monkeypatch):
    first = run("done")
    monkeypatch.setattr(Ledger, "once", lambda *args: pytest.fail("it worked again"))
    monkeypatch.setattr(WordSubject, "score", lambda *args: pytest.fail("it scored again"))
    assert run("done") == first


def test_another_setting_in_the_same_directory_is_refused(run):
    run("here")
    with pytest.raises(RunDirectoryError, match=r"holds a run with margin=0\.05, not 0\.1"):
        run("here", margin=0.1)


def test_the_same_command_elsewhere_is_the_same(run):
    assert run("here") == run("there")
    assert run("other", seed=1) != run("here")
