"""JUnit XML, which every CI system shows: one test case for the verdict and one a finding."""

from xml.etree import ElementTree as ET

from whatchanged.config import FailOn
from whatchanged.records import Finding
from whatchanged.report.gate import failing
from whatchanged.report.labels import INTENTS, how_measured
from whatchanged.report.model import Report
from whatchanged.report.text import one_line, strip_controls


def render_junit(report: Report, fail_on: FailOn) -> str:
    """Findings that fail the gate are failures, inconclusive ones are skipped, the others pass.

    Valid XML 1.0 whatever the models wrote: control characters are removed.
    """
    failures = {finding.id for finding in failing(report, fail_on)}
    cases = [_verdict_case(report), *(_finding_case(f, f.id in failures) for f in report.findings)]
    totals = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": "0",
        "skipped": str(sum(case.find("skipped") is not None for case in cases)),
        "time": f"{sum(report.cost.seconds.values()):.3f}",
    }
    root = ET.Element("testsuites", {"name": "whatchanged", **totals})
    models = one_line(f"{report.base} -> {report.candidate}")
    suite = ET.SubElement(root, "testsuite", {"name": models, **totals})
    suite.extend(cases)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _verdict_case(report: Report) -> ET.Element:
    case = ET.Element("testcase", {"classname": "whatchanged.verdict", "name": one_line(report.summary, 300)})
    if report.verdict == "inconclusive":
        ET.SubElement(case, "skipped", {"message": "the evidence does not decide"})
    return case


def _finding_case(finding: Finding, fails: bool) -> ET.Element:
    name = one_line(f"{finding.sentence} [{finding.id}]", 300)
    group = f"whatchanged.{one_line(finding.predicate.family)}"
    case = ET.Element("testcase", {"classname": group, "name": name})
    if fails:
        message = f"confirmed, {INTENTS[finding.intent]}: {one_line(finding.sentence, 300)}"
        ET.SubElement(case, "failure", {"type": finding.intent, "message": message}).text = _evidence(finding)
    elif finding.status == "inconclusive":
        ET.SubElement(case, "skipped", {"message": "inconclusive: " + _numbers(finding)})
    else:
        ET.SubElement(case, "system-out").text = f"{finding.status}: {_numbers(finding)}"
    return case


def _numbers(finding: Finding) -> str:
    return (
        f"effect {finding.effect:+.3f} [{finding.ci_low:+.3f}, {finding.ci_high:+.3f}], "
        f"rate {finding.rate_base:.4g} -> {finding.rate_candidate:.4g}, margin {finding.margin:g}, "
        f"e-value {finding.e_value:.3g}, {finding.n_prompts} prompts, {how_measured(finding)}"
    )


def _evidence(finding: Finding) -> str:
    lines = [_numbers(finding)]
    if finding.intent_reason:
        lines.append(f"intent: {one_line(finding.intent_reason, 300)}")
    for example in finding.examples[:1]:
        shown = (("prompt", example.prompt), ("base", example.base), ("candidate", example.candidate))
        lines += [f"{who}: {strip_controls(text)[:500]}" for who, text in shown]
    return "\n".join(lines)
