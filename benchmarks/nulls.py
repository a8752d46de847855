"""Null audits: what is confirmed when nothing changed. The identity shortcut and the coupling are off.

`--seeds 20`: smollm2 against itself (independent draws, other batch shapes) and against itself in float32.
`--search`: float32 alone, with the game and with every finder but recall and reasoner, which an audit at `small` leaves
out. `--candidate` names other pairs, and `--budget` one of the shipped budgets instead of the lean one.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from common import Clock, save
from whatchanged import diff, registry
from whatchanged.config import BUDGETS

CANDIDATES = ("smollm2", "smollm2+dtype=float32")
# Smaller than the shipped budgets, so that 40 audits take half an hour; confirmation still gets most of the tokens.
LEAN = BUDGETS["small"].model_copy(
    update={
        "discovery_prompts": 96,
        "response_tokens": 12,
        "pairs": 64,
        "beam_prompts": 4,
        "beams": 6,
        "beam_steps": 6,
        "confirm_tokens": 2_400,
    }
)
SEARCH = {"search_tokens": 40_000, "game_tokens": 10_000}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--search", action="store_true")
    parser.add_argument("--base", default="smollm2")
    parser.add_argument("--candidate", action="append")
    parser.add_argument("--budget", choices=list(BUDGETS), help="default: a lean one")
    parser.add_argument("--name", help="of the file in benchmarks/results")
    asked = parser.parse_args()
    seeds, candidates = asked.seeds, asked.candidate or (CANDIDATES[-1:] if asked.search else CANDIDATES)
    if not asked.budget:
        BUDGETS["small"] = LEAN.model_copy(update=SEARCH if asked.search else {})
    finders = tuple(name for name in registry.finders if name not in ("recall", "reasoner")) if asked.search else ()
    rows: list[dict[str, Any]] = []
    for candidate in candidates:
        for seed in range(seeds):
            with Clock() as clock, tempfile.TemporaryDirectory() as folder:
                report = diff(
                    asked.base, candidate, out=Path(folder), seed=seed, budget=asked.budget or "small",
                    identity_shortcut=False, coupled=False, finders=finders,
                )  # fmt: skip
            confirmed = [f.sentence for f in report.confirmed]
            rows.append(
                {
                    "candidate": candidate,
                    "seed": seed,
                    "verdict": report.verdict,
                    "tested": len(report.findings),
                    "confirmed": confirmed,
                    "mean_tv": report.divergence and report.divergence.mean_tv,
                    "prompts_made": {use.name: use.prompts for use in report.finders},
                    "game_rounds": len(report.game.rounds) if report.game else 0,
                    "seconds": round(clock.seconds),
                }
            )
            # Saved as it grows: a study that is cut short still says what it ran.
            save(
                asked.name or ("nulls-search" if asked.search else "nulls"),
                {
                    "base": asked.base,
                    "budget": asked.budget or "lean",
                    "runs": len(rows),
                    "runs_asked_for": seeds * len(candidates),
                    "tested": sum(r["tested"] for r in rows),
                    "false_findings": sum(len(r["confirmed"]) for r in rows),
                    "rows": rows,
                },
            )


if __name__ == "__main__":
    main()
