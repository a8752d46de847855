"""Null audits: what is confirmed when nothing changed. The identity shortcut and the coupling are off.

`--seeds 20`: smollm2 against itself (independent draws, other batch shapes) and against itself in float32.
"""

import argparse
import tempfile
from pathlib import Path

from common import Clock, save
from whatchanged import diff
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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    BUDGETS["small"] = LEAN
    rows = []
    for candidate in CANDIDATES:
        for seed in range(seeds):
            with Clock() as clock, tempfile.TemporaryDirectory() as folder:
                report = diff(
                    "smollm2", candidate, out=Path(folder), seed=seed, identity_shortcut=False, coupled=False,
                )  # fmt: skip
            confirmed = [f.sentence for f in report.confirmed]
            rows.append(
                {
                    "candidate": candidate,
                    "seed": seed,
                    "verdict": report.verdict,
                    "tested": len(report.findings),
                    "confirmed": confirmed,
                    "mean_tv": report.divergence.mean_tv,
                    "seconds": round(clock.seconds),
                }
            )
            # Saved as it grows: a study that is cut short still says what it ran.
            save(
                "nulls",
                {
                    "runs": len(rows),
                    "runs_asked_for": seeds * len(CANDIDATES),
                    "tested": sum(r["tested"] for r in rows),
                    "false_findings": sum(len(r["confirmed"]) for r in rows),
                    "rows": rows,
                },
            )


if __name__ == "__main__":
    main()
