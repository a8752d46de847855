"""Limits are kept to the token, and a search that they cut short never reads as 'nothing there'."""

import pytest
from words import KITCHEN, TOPICS, Plant, WordSubject

COOKING = Plant(KITCHEN, 0.8, TOPICS["cooking"])
# Worth a sampled hypothesis, which needs tokens.
INSIDE = Plant("Ask a lawyer before dawn", 0.9, after="Perhaps")


def spent(report):
    return report.cost.decoded_tokens.base + report.cost.decoded_tokens.candidate


@pytest.mark.parametrize("limit", [1, 30, 150, 400, 900, 1500, 3000])
def test_never_more_tokens_than_allowed(diff, limit):
    base, candidate = WordSubject(), WordSubject(COOKING, INSIDE)
    report = diff(base, candidate, max_decoded_tokens=limit)
    assert base.sampled + candidate.sampled == spent(report) <= limit
    if limit < 1000:
        assert report.warnings == (f"stopped early by --max-decoded-tokens {limit}",)


@pytest.mark.parametrize("limit", [1, 30, 150])
def test_a_search_cut_short_is_inconclusive(diff, limit):
    report = diff(WordSubject(), WordSubject(), identity_shortcut=False, max_decoded_tokens=limit)
    assert report.verdict == "inconclusive"
    assert report.summary.startswith("Nothing is established: the search was stopped early by --max-decoded-tokens")


def test_an_opening_is_confirmed_without_answers(diff):
    """One answer is affordable, and five tokens that show how the opening goes on: where answers begin all is seen."""
    report = diff(WordSubject(), WordSubject(COOKING), max_decoded_tokens=30)
    assert report.verdict == "changed"
    assert report.confirmed[0].phrase == KITCHEN
    assert sum(row.discovery_prompts for row in report.coverage) == 140
    assert any("of 140 discovery prompts beyond the place where an answer begins" in n for n in report.not_looked_at)


def test_without_a_single_answer_nothing_is_said_of_whole_answers(diff, tmp_path):
    report = diff(WordSubject(), WordSubject(COOKING), max_decoded_tokens=1)
    assert report.divergence.p_change is report.divergence.noise_p_change is None
    assert {(row.p_change, row.p_change_upper) for row in report.coverage} == {(None, None)}
    assert {point.p_change for point in report.points} == {None}
    assert report.unchanged_bound == 1.0
    assert report.claims.beyond_noise_floor
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Probability that a response changes" not in page
    assert "NaN" not in (tmp_path / "run" / "report.json").read_text()


def test_a_limit_that_is_not_met_changes_nothing(diff):
    free, limited = (
        diff(WordSubject(), WordSubject(COOKING), name, max_decoded_tokens=limit)
        for name, limit in (("free", None), ("limited", 100_000))
    )
    assert limited.warnings == free.warnings == ()
    assert limited.findings == free.findings


def test_time_that_is_up_stops_the_tests(diff):
    report = diff(WordSubject(), WordSubject(COOKING), max_minutes=1e-6)
    assert report.verdict == "inconclusive"
    assert [f.n_prompts for f in report.findings] == [0] * len(report.findings)
    assert report.warnings == ("stopped early by --max-minutes 1e-06",)


def test_the_limit_reads_the_same_after_a_resume(diff, tmp_path):
    whole = diff(WordSubject(), WordSubject(COOKING, INSIDE), max_decoded_tokens=400)
    (tmp_path / "run" / "report.json").unlink()
    again = diff(WordSubject(), WordSubject(COOKING, INSIDE), max_decoded_tokens=400)
    assert (again.verdict, again.summary, again.warnings) == (whole.verdict, whole.summary, whole.warnings)
    assert again.findings == whole.findings
