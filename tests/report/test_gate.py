import pytest

from whatchanged.report import exit_code


@pytest.mark.parametrize(
    ("verdict", "intents", "codes"),
    [
        ("changed", ["intended", "side_effect"], (0, 3, 3)),
        ("changed", ["unclassified"], (0, 3, 3)),
        ("changed", ["intended", "explained_by_data"], (0, 3, 0)),
        ("no_change_found", [], (0, 0, 0)),
        ("inconclusive", [], (0, 4, 4)),
        ("inconclusive", ["intended"], (0, 3, 4)),
        ("inconclusive", ["side_effect"], (0, 3, 3)),
    ],
)
def test_exit_codes(report, verdict: str, intents: list[str], codes: tuple[int, int, int]) -> None:
    confirmed = report.confirmed[0]
    others = [finding for finding in report.findings if finding.status != "confirmed"]
    findings = (*others, *(confirmed.model_copy(update={"intent": intent}) for intent in intents))
    gated = report.model_copy(update={"verdict": verdict, "findings": findings})
    assert tuple(exit_code(gated, fail_on) for fail_on in ("never", "any", "side-effect")) == codes
