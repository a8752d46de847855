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


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    environment = {**os.environ, "WHATCHANGED_CACHE": str(folder / "cache")}
    start = time.perf_counter()
    subprocess.run(command(folder / "whole"), env=environment, check=True, stdout=subprocess.DEVNULL)
    length = time.perf_counter() - start
    # The interrupted run starts from the same cold response cache, so that costs must agree too.
    shutil.rmtree(folder / "cache" / "responses")
    rng, kills = random.Random(0), []
    while len(kills) < KILLS:
        process = subprocess.Popen(command(folder / "killed"), env=environment, stdout=subprocess.DEVNULL)
        moment = rng.uniform(6, 6 + length / 3)
        try:
            process.wait(moment)
            break  # it came to its end before the axe
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            steps = len(list((folder / "killed" / "evidence").rglob("*.cost.json")))
            kills.append({"after_seconds": round(moment, 1), "steps_done": steps})
            print(kills[-1], flush=True)
    subprocess.run(command(folder / "killed"), env=environment, check=True, stdout=subprocess.DEVNULL)
    same = comparable(folder / "whole") == comparable(folder / "killed")
    save("kill", {"kills": kills, "uninterrupted_seconds": round(length), "same_report": same})
    shutil.rmtree(folder)
    if not same:
        raise SystemExit("the resumed run's report differs")


if __name__ == "__main__":
    main()
