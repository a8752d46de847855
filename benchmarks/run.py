"""All slow studies, one after another; results in benchmarks/results. `make bench` runs this."""

import subprocess
import sys
from pathlib import Path

STUDIES = ("throughput.py", "kill.py", "memory.py", "nulls.py")

if __name__ == "__main__":
    for study in STUDIES:
        print(f"== {study}", flush=True)
        subprocess.run([sys.executable, str(Path(__file__).parent / study)], check=True)
