"""All slow studies, one after another; results in benchmarks/results. `make bench` runs this."""

import subprocess
import sys
from pathlib import Path

# By hand: weights.py (any size, --gb), modeldelta.py (another interpreter), sweep.py --exhaustive (minutes).
STUDIES = (
    "throughput", "kill", "memory", "nulls", "null_campaigns", "access", "judge_calls", "self_roles", "attribution",
    "predict", "sweep", "rare", "growth", "products",
)  # fmt: skip

if __name__ == "__main__":
    for study in STUDIES:
        print(f"== {study}", flush=True)
        subprocess.run([sys.executable, str(Path(__file__).parent / f"{study}.py")], check=True)
