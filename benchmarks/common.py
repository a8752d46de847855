"""What every benchmark shares: where results go, and on which machine and commit they were made."""

import json
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"


def save(name: str, result: dict[str, Any]) -> None:
    """Write benchmarks/results/NAME.json with the machine and the commit, and print it."""
    RESULTS.mkdir(exist_ok=True)
    stamped = {"benchmark": name, "machine": machine(), "commit": commit(), **result}
    (RESULTS / f"{name}.json").write_text(json.dumps(stamped, indent=1) + "\n")
    print(json.dumps(stamped, indent=1), flush=True)


def machine() -> str:
    """Processor, threads and torch: what a timing depends on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = f"{names[0]}, {len(names)} cores" if names else model
    return f"{model}; {torch.get_num_threads()} threads; torch {torch.__version__}; Python {platform.python_version()}"


def commit() -> str:
    """Short hash, with + when the tree had changes."""
    try:
        name = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
        dirty = subprocess.run(["git", "status", "--porcelain", "src"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name.stdout.strip() + ("+" if dirty.stdout.strip() else "")


class Clock:
    """Seconds of a with-block."""

    seconds = 0.0

    def __enter__(self) -> "Clock":
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start
