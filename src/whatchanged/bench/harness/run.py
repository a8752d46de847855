"""Methods on organisms: one audit after the other, each scored against the truth. The same call resumes."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from whatchanged import __version__
from whatchanged.audit import diff
from whatchanged.bench.harness.examine import Examiner
from whatchanged.bench.harness.fresh import Run
from whatchanged.bench.harness.machine import commit, machine
from whatchanged.bench.harness.organisms import Organism, read_organisms
from whatchanged.bench.harness.plan import OWN, Plan
from whatchanged.bench.harness.pool import divide
from whatchanged.bench.harness.result import result_of
from whatchanged.bench.harness.rows import AuditRow, BenchResult, Setting
from whatchanged.bench.harness.score import Evidence, Scored, refused, score
from whatchanged.bench.harness.store import check_parquet, save
from whatchanged.bench.harness.summarise import by_setting
from whatchanged.config import AuditConfig, load_settings
from whatchanged.errors import AccessError, UsageError
from whatchanged.ledger import Progress, write_atomic
from whatchanged.records import Record
from whatchanged.report import Report, finished_report
from whatchanged.report.numbers import duration, plural

# Scores of an older rule are made again.
RULE = 3


def run_bench(plan: Plan, out: Path, progress: Progress | None = None, **settings: Any) -> BenchResult:
    """Audit every organism by every method at every seed, score the reports, write tables and page to `out`.

    `settings` are fields of `config.AuditConfig` that hold for all audits, such as `margin` or `pool`. What is finished
    in `out` is not run again. Raises UsageError for what cannot be used, in one line.
    """
    check_parquet()
    if stray := [name for name in settings if name in OWN]:
        raise UsageError(f"{stray[0]}: a bench sets it itself, see `Plan`")
    progress, asked = progress or Progress(), plan.settings
    organisms, missing = read_organisms(plan.folder, plan.organisms)
    bench = _Bench(plan, out, progress, settings)
    for line in missing:
        progress.message(f"left out: {line}")
    scored = bench.run(organisms, asked)
    result = result_of(
        scored,
        plan.methods[0],
        whatchanged=__version__,
        commit=commit(),
        command=plan.command(settings),
        machine=machine(),
        remeasure=plan.remeasure,
        missing=tuple(missing),
    )
    save(result, out)
    return result


class _Bench:
    """One bench under way."""

    def __init__(self, plan: Plan, out: Path, progress: Progress, settings: dict[str, Any]) -> None:
        self.plan, self.out, self.progress = plan, out, progress
        pool = load_settings({"base": "-", "candidate": "-", **settings}).pool
        self.held_out = divide(pool, out / "pool.jsonl")
        self.settings = settings | {"pool": (f"jsonl:{out / 'pool.jsonl'}",)}

    def run(self, organisms: Sequence[Organism], asked: Sequence[Setting]) -> list[Scored]:
        """Every audit, scored, one line of progress each; one organism after the other, so that each is opened once."""
        every = len(organisms) * len(asked) * len(self.plan.seeds)
        found: list[Scored] = []
        self.progress.stage("bench: audits", every)
        for organism in organisms:
            examiners: dict[str, Examiner] = {}
            for setting in asked:
                for seed in self.plan.seeds:
                    found.append(self._one(organism, setting, seed, examiners))
                    self.progress.message(f"[{len(found)}/{every}] {_line(found[-1].audit)}")
                    self.progress.advance()
        of = by_setting(found)
        return [s for setting in asked for s in of.get(setting, [])]

    def _one(self, organism: Organism, setting: Setting, seed: int, examiners: dict[str, Examiner]) -> Scored:
        name = f"{organism.name}-{setting.name}-s{seed}"
        config = self._config(organism, setting, seed)
        if setting.budget not in examiners:
            folder = self.out / "organisms" / f"{organism.name}-{setting.budget}"
            examiners[setting.budget] = Examiner(
                organism, folder, config, self.held_out, self.plan.held_out, self.plan.remeasure
            )
        try:
            report = self._audit(config, self.out / "runs" / name)
        except AccessError as error:
            return refused(setting, seed, organism, str(error))
        file = self.out / "scores" / f"{name}.json"
        basis = self._basis(organism, report)
        if (stored := _stored(file, basis)) is not None:
            return stored
        evidence = _evidence(organism, report, examiners[setting.budget], Run(self.out / "runs" / name, config))
        scored = score(setting, seed, organism, report, evidence)
        write_atomic(file, Kept(basis=basis, scored=scored).model_dump_json(indent=1).encode())
        return scored

    def _config(self, organism: Organism, setting: Setting, seed: int) -> AuditConfig:
        told = {"base": organism.base, "candidate": organism.candidate, "intended": organism.intended, "seed": seed}
        return load_settings(self.settings | told | setting.model_dump())

    def _audit(self, config: AuditConfig, run: Path) -> Report:
        """The report of a finished run on the same settings, without opening a model; else the audit."""
        report, wanted = finished_report(run), config.model_dump(mode="json")
        if report is not None and all(report.config.get(name) == value for name, value in wanted.items()):
            return report
        return diff(**dict(config), out=run)

    def _basis(self, organism: Organism, report: Report) -> str:
        """Changes with all that a score depends on."""
        parts = (RULE, organism.digest, self.plan.remeasure, self.plan.held_out, report.model_dump_json())
        return hashlib.sha256("|".join(map(str, parts)).encode("utf-8", "backslashreplace")).hexdigest()[:16]


class Kept(Record):
    """A score on disk, and what it depends on."""

    basis: str
    scored: Scored


def _stored(file: Path, basis: str) -> Scored | None:
    """The score that is there; None where there is none, or one that was made of something else."""
    try:
        kept = Kept.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
    return kept.scored if kept.basis == basis else None


def _evidence(organism: Organism, report: Report, examiner: Examiner, run: Run) -> Evidence:
    """Nothing is drawn for a report without a finding."""
    confirmed = report.confirmed
    held_out = {b.name: examiner.labelled(b) if confirmed else [] for b in organism.behaviours}
    return Evidence(held_out, {f.id: examiner.remeasure(f, run) for f in confirmed})


def _line(row: AuditRow) -> str:
    """One line on one audit."""
    where = f"{row.organism}, {row.name}, seed {row.seed}"
    if row.refused:
        return f"{where}: not run, {row.refused}"
    told = f"found {row.found} of {row.planted} planted" if row.planted else f"a {row.kind}"
    confirmed = f"{plural(row.confirmed, 'finding')} confirmed" if row.confirmed else "nothing confirmed"
    if row.measured:
        confirmed += f", {row.true} of {row.measured} true"
    return f"{where}: {told}, {confirmed}; {row.decoded_tokens:,} tokens decoded, {duration(row.seconds)}"
