"""`weights` against modeldelta (PyPI) on one synthetic pair, in one run: time, memory, and the figures both report.

Needs the path of a Python interpreter that can import `modeldelta` and what it needs (torch, safetensors, click,
huggingface-hub), best a virtual environment of its own: `python benchmarks/modeldelta.py ENV/bin/python`.
Both tools run in processes of their own, with all cores, on files that were read once before.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from weights import make, shapes

from common import save
from whatchanged.weights import open_checkpoint

AGREE = 1e-3
OURS = """
import sys
from pathlib import Path
from whatchanged.weights import weight_diff
Path(sys.argv[3]).write_text(weight_diff(*sys.argv[1:3]).model_dump_json())
"""


def timed(command: list[str]) -> tuple[float, int]:
    """Seconds of a command, and the largest memory of any child so far, bytes."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[:3])} failed: {done.stderr[-500:]}")
    return time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def figures(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, list[float]]:
    """Relative differences of what both report of one tensor."""

    def apart(a: float, b: float) -> float:
        return abs(a - b) / max(abs(b), 1e-12)

    found = {
        "frobenius_norm": [apart(ours["delta_norm"], theirs["frob_norm"])],
        "relative_norm": [apart(ours["delta_norm"] / ours["norm"], theirs["frob_norm_relative"])],
        "cosine": [apart(ours["cosine"], theirs["cosine_sim"])],
    }
    if ours["spectrum"] and theirs["has_svd"]:
        values, others = ours["spectrum"]["values"], theirs["top_singular_values"]
        both = [apart(a, b) for a, b in zip(values, others, strict=False)]
        off = [abs(a - b) for a, b in zip(values, others, strict=False)]
        found |= {
            "largest_singular_value": both[:1],
            "standing_singular_values": both[: ours["spectrum"]["rank"] or 1],
            "all_singular_values": both,
            "all_singular_values_over_bound": [x / (ours["spectrum"]["residual"] or 1e-6 * others[0]) for x in off],
        }
    return found


def errors(base: Path, candidate: Path, ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> dict[str, float]:
    """The largest relative error of either tool's |dW|_F, against sums in float64."""
    a, b = open_checkpoint(str(base)).tensors, open_checkpoint(str(candidate)).tensors
    true = {n: float(np.linalg.norm(b[n].read().astype(np.float64) - a[n].read())) for n in a}
    norms = {
        "whatchanged": {tensor["name"]: tensor["delta_norm"] for tensor in ours},
        "modeldelta": {module["name"]: module["frob_norm"] for module in theirs},
    }
    return {tool: max(abs(v / true[n] - 1) for n, v in found.items()) for tool, found in norms.items()}


def agreement(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> dict[str, Any]:
    """The largest and the median difference of each figure over the tensors both report."""
    by_name = {tensor["name"]: tensor for tensor in ours}
    found: dict[str, list[float]] = {}
    for module in theirs:
        for figure, differences in figures(by_name[module["name"]], module).items():
            found.setdefault(figure, []).extend(differences)

    def summed(figure: str, differences: list[float]) -> dict[str, Any]:
        limit = 1 if figure.endswith("bound") else AGREE
        worst, middle = (float(f"{value:.2g}") for value in (max(differences), np.median(differences)))
        return {"worst": worst, "median": middle, "agree": max(differences) <= limit}

    return {figure: summed(figure, differences) for figure, differences in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", help="Interpreter that has modeldelta.")
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--inner", type=int, default=5632)
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--folder", type=Path, help="Where the pair is made; default: a temporary folder.")
    arguments = parser.parse_args()
    tensors = shapes(arguments.layers, arguments.width, arguments.inner, arguments.vocabulary)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        base, candidate, ours, theirs = (Path(scratch, n) for n in ("base", "candidate", "ours.json", "theirs.json"))
        make(base, tensors, tuned=False)
        make(candidate, tensors, tuned=True)
        pair = [str(base), str(candidate)]
        seconds, peak = {}, {}
        # The smaller one first: the largest child so far is all the system tells.
        seconds["whatchanged"], peak["whatchanged"] = timed([sys.executable, "-c", OURS, *pair, str(ours)])
        again, _ = timed([sys.executable, "-c", OURS, *pair, str(ours)])
        seconds["whatchanged"] = min(seconds["whatchanged"], again)
        command = [arguments.python, "-m", "modeldelta", *pair, "--quiet", "--output", str(theirs)]
        seconds["modeldelta"], peak["modeldelta"] = timed(command)
        reports = json.loads(ours.read_text())["tensors"], json.loads(theirs.read_text())["modules"]
        found, norms = agreement(*reports), errors(base, candidate, *reports)
    save(
        "modeldelta",
        {
            "mb_a_side": round(sum(2 * int(np.prod(shape)) for shape in tensors.values()) / 1e6),
            "tensors": len(tensors),
            "seconds_with_start": {tool: round(value, 2) for tool, value in seconds.items()},
            "times_faster": round(seconds["modeldelta"] / seconds["whatchanged"], 1),
            "peak_mb": {tool: round(value / 1e6) for tool, value in peak.items()},
            "relative_difference": found,
            "frobenius_norm_error_in_float64": {tool: float(f"{error:.2g}") for tool, error in norms.items()},
        },
    )


if __name__ == "__main__":
    main()
