"""Null audits: what is confirmed when nothing changed. The identity shortcut and the coupling are off.

`--seeds 20`: smollm2 against itself (independent draws, other batch shapes) and against itself in float32.
"""

import argparse
import tempfile
from pathlib import Path

from common import Clock, save
from whatchanged import diff

CANDIDATES = ("smollm2", "smollm2+dtype=float32")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    rows = []
    for candidate in CANDIDATES:
        for seed in range(seeds):
            with Clock() as clock, tempfile.TemporaryDirectory() as folder:
                report = diff(
                    "smollm2", candidate, out=Path(folder), seed=seed, identity_shortcut=False, coupled=False,
                    max_decoded_tokens=16_000,
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
            print(rows[-1], flush=True)
    save(
        "nulls",
        {
            "runs": len(rows),
            "tested": sum(r["tested"] for r in rows),
            "false_findings": sum(len(r["confirmed"]) for r in rows),
            "rows": rows,
        },
    )


if __name__ == "__main__":
    main()
