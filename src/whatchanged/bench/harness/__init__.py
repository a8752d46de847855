"""The harness: methods on organisms, scored by execution against measured truths."""

from whatchanged.bench.harness.plan import Plan
from whatchanged.bench.harness.rows import BenchResult

__all__ = ["BenchResult", "Plan"]
