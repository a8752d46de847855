"""All slow studies, one after another; results in benchmarks/results. `make bench` runs this."""

import subprocess
import sys
from pathlib import Path

# weights.py makes and reads checkpoints of any size (--gb), and is run by hand.
STUDIES = (
    "throughput", "kill", "memory", "nulls", "access", "judge_calls", "self_roles", "attribution", "predict",
)  # fmt: skip

if __name__ == "__main__":
    for study in STUDIES:
        print(f"== {study}", flush=True)
        subprocess.run([sys.executable, str(Path(__file__).parent / f"{study}.py")], check=True)
