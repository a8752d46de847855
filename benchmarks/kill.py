"""kill -9 at ten random moments, then the same command: the report must equal an uninterrupted run's."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import save

KILLS = 10
CANDIDATE = "organisms/kitchen-opening"


def command(out: Path) -> list[str]:
    """The audit under test."""
    return [
        sys.executable, "-m", "whatchanged", "diff", "smollm2", CANDIDATE, "--out", str(out), "--display", "none",
        "--max-decoded-tokens", "7000",
    ]  # fmt: skip


def comparable(out: Path) -> str:
    """report.json without what times and memory make differ."""
    report = json.loads((out / "report.json").read_text())
    report["cost"].pop("seconds")
    report["cost"].pop("peak_memory")
    return json.dumps(report)


def interrupt(
    out: Path, environment: dict[str, str], rng: random.Random, length: float, wanted: int
) -> list[dict[str, float]]:
    """Start the audit and kill it, again and again, until it outruns the axe or enough kills have fallen."""
    kills: list[dict[str, float]] = []
    while len(kills) < wanted:
        process = subprocess.Popen(command(out), env=environment, stdout=subprocess.DEVNULL)
        moment = rng.uniform(6, 6 + length / 3)
        try:
            process.wait(moment)
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            steps = len(list((out / "evidence").rglob("*.cost.json")))
            kills.append({"after_seconds": round(moment, 1), "steps_done": steps})
            print(kills[-1], flush=True)
    return kills


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    environment = {**os.environ, "WHATCHANGED_CACHE": str(folder / "cache")}
    start = time.perf_counter()
    subprocess.run(command(folder / "whole"), env=environment, check=True, stdout=subprocess.DEVNULL)
    length = time.perf_counter() - start
    rng, kills, same, runs = random.Random(0), list[dict[str, float]](), True, 0
    while len(kills) < KILLS:
        runs += 1
        # Each interrupted run starts from the same cold response cache as the whole one, so that costs must agree too.
        shutil.rmtree(folder / "cache" / "responses")
        shutil.rmtree(folder / "killed", ignore_errors=True)
        kills += interrupt(folder / "killed", environment, rng, length, KILLS - len(kills))
        subprocess.run(command(folder / "killed"), env=environment, check=True, stdout=subprocess.DEVNULL)
        same = same and comparable(folder / "whole") == comparable(folder / "killed")
    save("kill", {"kills": kills, "runs": runs, "uninterrupted_seconds": round(length), "same_report": same})
    shutil.rmtree(folder)
    if not same:
        raise SystemExit("the resumed run's report differs")


if __name__ == "__main__":
    main()
