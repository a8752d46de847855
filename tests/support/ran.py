"""Finished runs as `undo` reads them: a report.json whose findings are about the plants of `plant`."""

import json
from pathlib import Path
from typing import Any

from plant import CITY, SEA

from whatchanged.config import BUDGETS
from whatchanged.records import Finding, PredicateSpec, Region
from whatchanged.report import Claims, CostReport, Report, write_report

OPENS = {
    "sea": (Region(kind="mentions", values=("sea",)), "Paris"),
    "city": (Region(kind="mentions", values=("capital",)), "poem"),
    "nowhere": (Region(kind="mentions", values=("mountains",)), "Paris"),
}


def opens(where: str, phrase: str = "", **changes: Any) -> Finding:
    """A confirmed finding of the id `where`: opens with the plant's phrase more often."""
    region, planted = OPENS[where]
    values: dict[str, Any] = {
        "id": where, "sentence": f"The candidate opens with something on {where}.", "region": region,
        "predicate": PredicateSpec(family="phrase", args={"kind": "opens_with", "phrases": [phrase or planted]}),
        "direction": "more", "margin": 0.05, "status": "confirmed", "effect": 0.5, "ci_low": 0.4, "ci_high": 0.6,
        "confidence": 0.95, "e_value": 1e6, "rate_base": 0.0, "rate_candidate": 0.5, "n_prompts": 12, "scored": True,
    }  # fmt: skip
    return Finding.model_validate(values | changes)


def ran(folder: Path, base: Path | str, candidate: Path | str, *findings: Finding, **config: Any) -> Path:
    """The directory of a run of the two models in float32 on the plants' prompts. `config` None drops a key."""
    folder.mkdir(parents=True)
    pool = folder / "pool.jsonl"
    pool.write_text("".join(json.dumps({"prompt": p.text}) + "\n" for p in (*SEA, *CITY)))
    settings = {"pool": [str(pool)], "seed": 0, "temperature": 1.0, "limits": BUDGETS["small"].model_dump()} | config
    report = Report(
        verdict="changed",
        summary="Changed.",
        base=f"{base}+dtype=float32",
        candidate=f"{candidate}+dtype=float32",
        claims=Claims(weights="differ", beyond_noise_floor=True, behaviours=len(findings)),
        findings=findings,
        cost=CostReport(),
        config={key: value for key, value in settings.items() if value is not None},
        versions={},
        seed=0,
    )
    write_report(report, folder)
    return folder
