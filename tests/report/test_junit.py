from xml.etree import ElementTree as ET

import pytest

from whatchanged.report import render_junit


def cases(report, fail_on: str) -> dict[str, ET.Element]:
    root = ET.fromstring(render_junit(report, fail_on).encode())
    return {case.get("name", ""): case for case in root.iter("testcase")}


def names_with(found: dict[str, ET.Element], tag: str) -> set[str]:
    return {name.split("[")[-1].rstrip("]") for name, case in found.items() if case.find(tag) is not None}


@pytest.mark.parametrize(
    ("fail_on", "failures"),
    [("never", set()), ("any", {"h-refusal", "h-opening"}), ("side-effect", {"h-refusal"})],
)
def test_what_the_gate_stops_is_a_failure(report, fail_on: str, failures: set[str]) -> None:
    found = cases(report, fail_on)
    assert len(found) == 1 + len(report.findings)
    assert names_with(found, "failure") == failures
    assert names_with(found, "skipped") == {"h-inconclusive"}


def test_totals_agree_with_the_cases(report) -> None:
    root = ET.fromstring(render_junit(report, "any").encode())
    suite = root.find("testsuite")
    for element in (root, suite):
        assert {name: element.get(name) for name in ("tests", "failures", "skipped", "errors")} == {
            "tests": "5",
            "failures": "2",
            "skipped": "1",
            "errors": "0",
        }


def test_an_undecided_verdict_is_skipped(make_report) -> None:
    found = cases(make_report(verdict="inconclusive", findings=()), "any")
    assert [case.find("skipped") is not None for case in found.values()] == [True]


def test_a_failure_tells_its_numbers_and_an_example(report) -> None:
    case = next(case for name, case in cases(report, "side-effect").items() if "h-refusal" in name)
    failure = case.find("failure")
    assert failure.get("type") == "side_effect"
    assert "effect +0.163 [+0.088, +0.241]" in failure.text
    assert "candidate: I am sorry" in failure.text
    assert "sweep made" not in failure.text


def test_who_made_the_prompts_is_told(report) -> None:
    case = next(case for name, case in cases(report, "never").items() if "h-opening" in name)
    told = "350 prompts, scored exactly from forward passes, on prompts that vocabulary-sweep made"
    assert told in case.find("system-out").text


def test_hostile_text_is_valid_xml(report, poison, hostile: str) -> None:
    text = render_junit(poison(report, hostile), "any")
    ET.fromstring(text.encode())
    assert not set(text) & set("\x00\x1b\x9b\u202e\ufffe\u200b")
    assert "&lt;script&gt;" in text
