"""The gate: what a pipeline is told by the exit code."""

from whatchanged.config import FailOn
from whatchanged.records import Finding
from whatchanged.report.model import Report

PASSED, FAILED, UNDECIDED = 0, 3, 4


def failing(report: Report, fail_on: FailOn) -> tuple[Finding, ...]:
    """The confirmed findings that the gate does not let pass, largest effect first."""
    if fail_on == "never":
        return ()
    if fail_on == "any":
        return report.confirmed
    return tuple(f for f in report.confirmed if f.intent in ("side_effect", "unclassified"))


def exit_code(report: Report, fail_on: FailOn) -> int:
    """0 passed; 3 an unexpected change is confirmed; 4 the evidence does not decide."""
    if fail_on == "never":
        return PASSED
    if failing(report, fail_on):
        return FAILED
    return UNDECIDED if report.verdict == "inconclusive" else PASSED
