"""What every benchmark shares: where results go, and on which machine and commit they were made."""

import json
import time
from pathlib import Path
from typing import Any

import torch

from whatchanged.bench.harness import machine as of_harness
from whatchanged.bench.harness.machine import commit

RESULTS = Path(__file__).parent / "results"


def save(name: str, result: dict[str, Any]) -> None:
    """Write benchmarks/results/NAME.json with the machine and the commit, and print it."""
    RESULTS.mkdir(exist_ok=True)
    stamped = {"benchmark": name, "machine": machine(), "commit": commit(), **result}
    (RESULTS / f"{name}.json").write_text(json.dumps(stamped, indent=1) + "\n")
    print(json.dumps(stamped, indent=1), flush=True)


def machine() -> str:
    """Processor, threads and torch: what a timing depends on."""
    found = of_harness.machine()
    threads = f"{found.cores} cores; {torch.get_num_threads()} threads"
    return f"{found.cpu}, {threads}; torch {found.torch}; Python {found.python}"


class Clock:
    """Seconds of a with-block."""

    seconds = 0.0

    def __enter__(self) -> "Clock":
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start
