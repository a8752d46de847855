"""Audits of toys that are only asked: seen through a keyhole."""

import pytest
from shown import MACHINE, printed
from words import KITCHEN, SAILOR, TOPICS, Plant, WordSubject

from whatchanged import audit
from whatchanged.errors import AccessError
from whatchanged.records import Region
from whatchanged.report import exit_code, read_report, render_html

COOKING = Plant(KITCHEN, 0.8, TOPICS["cooking"])
RATE = 0.8 * 0.98**4
LEVELS = ["text", "logprobs"]


@pytest.fixture(params=LEVELS)
def planted(request, diff):
    """(report, access) of an audit with the cooking plant."""
    return diff(WordSubject(), WordSubject(COOKING), access=request.param), request.param


def test_a_planted_change_is_found_with_its_region_and_size(planted):
    report, _ = planted
    assert report.verdict == "changed"
    openings = [f for f in report.confirmed if f.phrase and KITCHEN.startswith(f.phrase)]
    assert openings
    for found in openings:
        tag, words = Region(kind="tag", values=("cooking",)), set(TOPICS["cooking"])
        assert found.region == tag or set(found.region.values) <= words
        assert found.ci_low < 0.8 * 0.98 ** (len(found.phrase.split()) - 1) < found.ci_high
        assert not found.scored
    assert not any(f.status == "confirmed" and f.region == Region(kind="tag", values=("sea",)) for f in report.findings)


def test_what_was_not_seen_is_told_as_unknown(planted):
    report, access = planted
    assert report.access == access
    assert report.divergence is report.explained_share is report.unchanged_bound is None
    assert (report.unexplained, report.points) == ((), ())
    assert report.claims.weights == "not_looked_at"
    assert report.claims.beyond_noise_floor
    assert report.claims.behaviours == len(report.confirmed)
    assert all(row.p_change is row.p_change_upper is None for row in report.coverage)
    assert {row.category for row in report.coverage} == set(TOPICS)
    assert len(report.gates) == 2
    assert any("weights" in note for note in report.not_looked_at)
    assert (len(report.leads) > 0) is (access == "logprobs")
    assert report.cost.calls == report.cost.usd == 0


def test_every_view_of_it_can_be_made(planted, tmp_path):
    report, access = planted
    assert read_report(tmp_path / "run") == report
    page = render_html(report)
    assert (tmp_path / "run" / "report.html").read_text() == page
    assert "Do the answers differ at all?" in page
    assert f"the access level is '{access}'" in page.replace("&#39;", "'")
    text = printed(report)
    for gate in report.gates:
        assert gate.test in page
        assert f"{gate.test}: p = " in text
    assert "sampled" in text
    assert "scored 0 tokens" in text or access == "logprobs"
    assert exit_code(report, "any") == 3


def test_models_give_no_more_than_the_weaker_of_them(toys, tmp_path):
    candidate = WordSubject(COOKING)
    candidate.access = audit.Access.text
    toys(WordSubject(), candidate)
    assert audit.diff("base", "candidate", out=tmp_path / "run").access == "text"


@pytest.mark.parametrize("access", LEVELS)
def test_a_model_against_itself_is_not_changed(diff, access):
    rejected = 0
    for seed in range(12):
        report = diff(WordSubject(), WordSubject(), f"run-{seed}", access=access, seed=seed)
        assert report.confirmed == ()
        assert report.verdict != "changed"
        assert report.claims.weights == "not_looked_at"
        rejected += bool(report.claims.beyond_noise_floor)
    # 12 tests at 0.05: more than 4 rejections would be one time in a thousand.
    assert rejected <= 4


@pytest.mark.parametrize("access", LEVELS)
def test_what_was_removed_is_found_too(diff, access):
    report = diff(WordSubject(COOKING), WordSubject(), access=access)
    assert report.verdict == "changed"
    assert any(f.direction == "less" and f.ci_low < -RATE < f.ci_high for f in report.confirmed)


@pytest.mark.parametrize("access", LEVELS)
def test_a_resumed_audit_is_the_uninterrupted_one(diff, tmp_path, access):
    whole = diff(WordSubject(), WordSubject(COOKING, Plant(SAILOR, 0.6, TOPICS["sea"])), access=access)
    run = tmp_path / "run"
    (run / "report.json").unlink()
    steps = sorted((run / "evidence").rglob("*.cost.json"))
    for step in steps[:: max(1, len(steps) // 6)]:
        step.unlink()
    again = diff(WordSubject(), WordSubject(COOKING, Plant(SAILOR, 0.6, TOPICS["sea"])), access=access)
    assert again.model_dump(exclude=MACHINE) == whole.model_dump(exclude=MACHINE)


@pytest.mark.parametrize("access", LEVELS)
@pytest.mark.parametrize("limit", [1, 150, 1500])
def test_never_more_tokens_than_allowed(diff, access, limit):
    base, candidate = WordSubject(), WordSubject(COOKING)
    report = diff(base, candidate, access=access, max_decoded_tokens=limit)
    tokens = report.cost.decoded_tokens
    assert tokens.base + tokens.candidate <= limit
    assert base.sampled + candidate.sampled <= limit


@pytest.mark.parametrize("access", LEVELS)
@pytest.mark.parametrize("limit", [150, 1500])
def test_a_search_cut_short_never_reads_as_nothing_there(diff, access, limit):
    report = diff(WordSubject(), WordSubject(COOKING), access=access, max_decoded_tokens=limit)
    assert report.verdict in ("changed", "inconclusive")
    if report.verdict == "inconclusive":
        assert f"--max-decoded-tokens {limit}" in report.summary


@pytest.mark.parametrize("access", LEVELS)
def test_screening_needs_distributions(toys, tmp_path, access):
    toys(WordSubject(), WordSubject(COOKING))
    with pytest.raises(AccessError) as caught:
        audit.screen("base", "candidate", out=tmp_path / "run", access=access)
    assert "\n" not in str(caught.value)
    assert "screening" in str(caught.value)
    assert access in str(caught.value)
