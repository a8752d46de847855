"""A stand-in for `whatchanged.audit`, so that the command line is tested without a model."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from whatchanged.config import AuditConfig, load_settings
from whatchanged.ledger import run_directory
from whatchanged.records import Finding, Lead, PredicateSpec, Region
from whatchanged.report import Claims, CostReport, CoverageRow, Divergence, Report, read_report, write_report
from whatchanged.report.model import ScreenReport

DIVERGENCE = Divergence(mean_tv=0.1, mean_kl=0.07, p_change=0.6, noise_tv=0.004, noise_p_change=0.03)
COVERAGE = tuple(
    CoverageRow(
        category=name,
        discovery_prompts=56,
        confirmation_prompts=70,
        p_change=p_change,
        p_change_upper=0.9,
        smallest_effect=0.1,
    )
    for name, p_change in (("cooking", 0.31), ("law", 0.87))
)


def finding(**changes: Any) -> Finding:
    """A confirmed opening on cooking prompts."""
    values = {
        "id": "h",
        "sentence": "The candidate opens with 'From my kitchen' more often.",
        "region": Region(kind="mentions", values=("cook",)),
        "predicate": PredicateSpec(family="phrase"),
        "direction": "more",
        "margin": 0.05,
        "status": "confirmed",
        "effect": 0.9,
        "ci_low": 0.8,
        "ci_high": 0.95,
        "confidence": 0.95,
        "e_value": 1e9,
        "rate_base": 0.0,
        "rate_candidate": 0.9,
        "n_prompts": 100,
        "scored": True,
        "intent": "side_effect",
    }
    return Finding.model_validate(values | changes)


def report_of(config: AuditConfig, **changes: Any) -> Report:
    """What an audit with one finding would return."""
    values = {
        "verdict": "changed",
        "summary": "1 change in behaviour is established.",
        "base": config.base,
        "candidate": config.candidate,
        "claims": Claims(weights="differ", beyond_noise_floor=True, behaviours=1),
        "divergence": DIVERGENCE,
        "findings": (finding(),),
        "explained_share": 0.5,
        "coverage": COVERAGE,
        "unchanged_bound": 0.03,
        "cost": CostReport(),
        "config": config.model_dump(mode="json"),
        "versions": {},
        "seed": config.seed,
    }
    return Report.model_validate(values | changes)


class FakeAudit(ModuleType):
    """Records how it was called; `error` is raised, `changes` go into the report, `before` runs first."""

    def __init__(self) -> None:
        super().__init__("whatchanged.audit")
        self.configs: list[AuditConfig] = []
        self.outs: list[Path] = []
        self.changes: dict[str, Any] = {}
        self.error: BaseException | None = None
        self.before: Callable[[AuditConfig, Path], None] = lambda config, out: None

    def diff(self, base: str, candidate: str, **rest: Any) -> Report:
        fail_on = rest.pop("fail_on")
        config, out = self._start(base, candidate, **rest)
        if (out / "report.json").exists():
            return read_report(out)
        report = report_of(config, **self.changes)
        write_report(report, out, fail_on)
        return report

    def screen(self, base: str, candidate: str, **rest: Any) -> ScreenReport:
        config, _ = self._start(base, candidate, **rest)
        leads = (
            Lead(id="a", share=0.1, phrase="plainly"),
            Lead(id="b", share=0.4, phrase="\x1b[31m[red]kitchen"),
        )
        values: dict[str, Any] = {
            "base": config.base,
            "candidate": config.candidate,
            "divergence": DIVERGENCE,
            "leads": leads,
            "finders": (),
            "coverage": COVERAGE,
            "cost": CostReport(),
            "seed": config.seed,
        }
        return ScreenReport.model_validate(values | self.changes)

    def _start(
        self,
        base: str,
        candidate: str,
        *,
        out: Path | None = None,
        progress: Any = None,
        config_file: Path | None = None,
        **settings: Any,
    ) -> tuple[AuditConfig, Path]:
        config = load_settings({"base": base, "candidate": candidate, **settings}, config_file)
        directory = out or run_directory(config)
        self.configs.append(config)
        self.outs.append(directory)
        progress.stage("screen", 2)
        print("a library talks on stdout")
        self.before(config, directory)
        progress.advance()
        if self.error is not None:
            raise self.error
        return config, directory


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test in an empty directory of its own, with no settings around it."""
    for name in list(os.environ):
        if name.startswith("WHATCHANGED_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> FakeAudit:
    """Stands in for `whatchanged.audit` as long as the test runs."""
    fake = FakeAudit()
    monkeypatch.setitem(sys.modules, "whatchanged.audit", fake)
    return fake
