"""On what a bench ran, and from which commit: what its timings depend on, and how to run it again."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from whatchanged.bench.harness.rows import Machine


def machine() -> Machine:
    """This one; 0 for memory that the system does not tell."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = names[0] if names else name
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        memory = 0
    try:
        torch = version("torch")
    except PackageNotFoundError:
        torch = None
    return Machine(
        cpu=name, cores=os.cpu_count() or 1, memory_bytes=memory, python=platform.python_version(), torch=torch
    )


def commit() -> str:
    """Short hash of the clone that this code lies in, with + when its source had changes; 'unknown' elsewhere."""
    here = Path(__file__).parent
    try:
        name = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True, check=True
        )
        source = Path(__file__).parents[2]
        dirty = subprocess.run(
            ["git", "status", "--porcelain", "."], cwd=source, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name.stdout.strip() + ("+" if dirty.stdout.strip() else "")
