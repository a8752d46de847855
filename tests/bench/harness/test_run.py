"""Whole benches of word models: found, silent, resumed, in files."""

import json

import pyarrow.parquet as pq
import pytest
from page import assert_inert

from whatchanged import audit
from whatchanged.bench.harness import Plan, run
from whatchanged.bench.harness.page import render_bench
from whatchanged.bench.harness.run import run_bench
from whatchanged.errors import AccessError, RunDirectoryError, UsageError
from whatchanged.ledger import Progress

AS_TIMED = {"seconds", "reused_tokens"}


class Said(Progress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def bench(words, folder, pool, tmp_path):
    def work(name="bench", progress=None, settings=(), **plan):
        asked = Plan(**{"folder": folder, "remeasure": 300, "held_out": 20} | plan)
        return run_bench(asked, tmp_path / name, progress, pool=(pool,), **dict(settings))

    return work


def untimed(result):
    """Rows without what another run has otherwise."""
    return [
        [row.model_dump(exclude=AS_TIMED) for row in rows]
        for rows in (result.audits, result.behaviours, result.findings, result.finders)
    ]


def test_the_plant_is_found_and_the_null_is_silent(bench, tmp_path):
    said = Said()
    result = bench(progress=said)
    (row,) = result.methods
    assert (row.audits, row.planted, row.found, row.strong, row.strong_found) == (2, 1, 1, 1, 1)
    assert (row.nulls, row.nulls_silent) == (1, 1)
    assert row.measured == row.true > 0
    assert row.covered == row.coverable > 0
    assert row.fdr == 0
    plant = next(f for f in result.findings if f.behaviour == "kitchen")
    assert plant.scored
    assert (plant.samples, plant.source) == (0, "pool")
    # 0.8 x 0.98^4: the rate of the whole phrase where the plant is on.
    assert plant.remeasured == pytest.approx(0.738, abs=0.02)
    assert [line.split(":")[0] for line in said.lines] == [
        "[1/2] kitchen, audit-small, seed 0", "[2/2] null-a, audit-small, seed 0",
    ]  # fmt: skip
    assert "found 1 of 1 planted" in said.lines[0]
    assert "a null, nothing confirmed" in said.lines[1]


def test_the_files(bench, tmp_path):
    result, out = bench(), tmp_path / "bench"
    assert pq.read_table(out / "audits.parquet").to_pylist() == [row.model_dump() for row in result.audits]
    assert pq.read_table(out / "behaviours.parquet").to_pylist() == [row.model_dump() for row in result.behaviours]
    assert pq.read_table(out / "findings.parquet").to_pylist() == [row.model_dump() for row in result.findings]
    assert pq.read_table(out / "finders.parquet").to_pylist() == [row.model_dump() for row in result.finders]
    told = json.loads((out / "summary.json").read_text())
    assert told["methods"][0]["found"] == 1
    assert told["command"].startswith("whatchanged bench ")
    assert told["machine"]["cores"] > 0
    assert "audits" not in told
    page = (out / "bench.html").read_text()
    assert_inert(page)
    assert "1 of 1" in page


def test_a_finished_audit_is_not_run_again_nor_is_a_model_opened(bench, monkeypatch):
    first = bench()
    monkeypatch.setattr(run, "diff", lambda *_, **__: pytest.fail("an audit was run again"))
    monkeypatch.setattr(run.Examiner, "subjects", property(lambda self: pytest.fail("a model was opened again")))
    assert bench() == first


def test_killed_in_an_audit_it_ends_as_if_it_had_not_been(bench, monkeypatch):
    whole, confirm, tested = bench("whole", seeds=(0, 1)), audit.confirm, []

    def interrupted(ledger, *rest):
        tested.append(ledger.directory.name)
        if len(tested) == 2:
            raise KeyboardInterrupt
        return confirm(ledger, *rest)

    monkeypatch.setattr(audit, "confirm", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench(seeds=(0, 1))
    assert untimed(bench(seeds=(0, 1))) == untimed(whole)
    first, second = "kitchen-audit-small-s0", "kitchen-audit-small-s1"
    assert [name for name in tested if name.startswith("kitchen")] == [first, second, second]


def test_another_measurement_is_made_of_the_same_audits(bench, monkeypatch):
    bench()
    monkeypatch.setattr(run, "diff", lambda *_, **__: pytest.fail("an audit was run again"))
    result = bench(remeasure=0)
    assert all(f.remeasured is None for f in result.findings)
    assert (result.methods[0].measured, result.methods[0].found) == (0, 1)


def test_an_older_method_beside_ours_at_two_sizes(bench):
    result = bench(methods=("audit", "auto-interventions"), texts=(60, 240), organisms=("kitchen",))
    assert [(m.method, m.texts) for m in result.methods] == [
        ("audit", None), ("auto-interventions", 60), ("auto-interventions", 240),
    ]  # fmt: skip
    small, large = result.audits[1:]
    assert 2 * small.decoded_tokens < large.decoded_tokens
    assert [p.setting.texts for p in result.curve] == [None, 60, 240]
    assert [far.measured_texts for far in result.extrapolated] == [240]
    assert 'aria-label="recall against decoded tokens an audit"' in render_bench(result)


def test_a_method_that_sees_too_little_is_told_and_counts_for_nothing(bench, monkeypatch):
    def refuse(*_, **__):
        raise AccessError("words", "--method soft-prompt", "weights", "weights, run here by PyTorch")

    monkeypatch.setattr(run, "diff", refuse)
    said = Said()
    (row,) = bench(progress=said).methods
    assert (row.audits, row.refused, row.planted) == (0, 2, 0)
    assert "not run, words gives access level" in said.lines[0]


def test_another_pool_or_a_remade_organism_needs_another_directory(bench, folder, tmp_path):
    bench(organisms=("null-a",))
    (folder / "null-a" / "adapter_model.safetensors").write_bytes(b"remade")
    with pytest.raises(RunDirectoryError, match="made with other organism content under the same name"):
        bench(organisms=("null-a",))
    other = tmp_path / "other.txt"
    other.write_text("\n".join(f"Question {n}?" for n in range(50)))
    with pytest.raises(RunDirectoryError, match="holds a bench on another pool: choose another --out"):
        run_bench(Plan(folder=folder), tmp_path / "bench", pool=(str(other),))


def test_what_a_bench_sets_itself_is_refused(folder, tmp_path):
    with pytest.raises(UsageError, match="seed: a bench sets it itself"):
        run_bench(Plan(folder=folder), tmp_path / "bench", seed=3)


def test_limits_are_for_methods_that_draw_as_they_need():
    plan = Plan(methods=("audit", "clustering"), texts=(250,), max_decoded_tokens=(2000, 0))
    assert [s.name for s in plan.settings] == ["audit-small-max2000", "audit-small", "clustering-small-250"]
    assert "--max-decoded-tokens 2000,0" in plan.command({})
