"""The whole story on toys whose change is known."""

import json

import pytest
from budget import TINY
from words import KITCHEN, SAILOR, TOPICS, Plant, WordSubject, prompts_about

from whatchanged import audit, opened
from whatchanged.config import BUDGETS
from whatchanged.errors import RunDirectoryError, SpecError
from whatchanged.records import Region
from whatchanged.report import read_report

COOKING = Plant(KITCHEN, 0.8, TOPICS["cooking"])
SEA = Plant(SAILOR, 0.6, TOPICS["sea"])


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """(report, base, candidate, run directory) of an audit with the cooking plant."""
    folder, base, candidate = tmp_path_factory.mktemp("planted"), WordSubject(), WordSubject(COOKING)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHATCHANGED_CACHE", str(folder / "cache"))
        patch.setitem(BUDGETS, "small", TINY)
        patch.setattr(opened, "check_specs", lambda specs: None)
        patch.setattr(opened, "open_subjects", lambda specs, **_: [base, candidate])
        patch.setattr(opened, "load_pools", lambda specs: prompts_about())
        yield audit.diff("base", "candidate", out=folder / "run"), base, candidate, folder / "run"


def test_a_planted_opening_is_named_with_its_region_and_size(planted):
    report, *_ = planted
    first = report.confirmed[0]
    assert report.verdict == "changed"
    assert (first.phrase, first.status) == (KITCHEN, "confirmed")
    assert first.region == Region(kind="tag", values=("cooking",))
    assert first.rate_base < 0.01
    assert first.rate_candidate == pytest.approx(0.8 * 0.98**4, abs=0.02)
    assert first.ci_low < 0.8 * 0.98**4 < first.ci_high
    assert KITCHEN in report.summary
    assert "(0% → 7" in report.summary


def test_the_change_is_explained_and_the_rest_bounded(planted):
    report, *_ = planted
    assert report.explained_share > 0.95
    assert report.confirmed[0].explained_share == pytest.approx(report.explained_share)
    assert report.unexplained == ()
    assert report.unchanged_bound < 0.05
    assert report.claims.behaviours == len(report.confirmed)
    assert report.claims.weights == "differ"
    assert report.claims.beyond_noise_floor
    rows = {row.category: row for row in report.coverage}
    assert set(rows) == set(TOPICS)
    assert max(rows, key=lambda name: rows[name].p_change) == "cooking"
    assert sum(row.discovery_prompts for row in report.coverage) == 140
    assert {point.lead for point in report.points if point.category == "cooking"} == {report.leads[0].id}


def test_examples_show_it(planted):
    examples = planted[0].confirmed[0].examples
    assert len(examples) == 3
    for example in examples:
        assert example.candidate.startswith(KITCHEN)
        assert not example.base.startswith(KITCHEN)


def test_three_files_and_all_evidence_are_left(planted):
    report, _, _, run = planted
    assert {p.name for p in run.iterdir()} == {
        "config.json", "identity.json", "evidence", "report.json", "report.html", "junit.xml",
    }  # fmt: skip
    assert read_report(run) == report
    stages = {p.name for p in (run / "evidence").iterdir()}
    assert stages == {"screen", "weights", "search", "elicit", "describe", "confirm"} == set(report.cost.seconds)


def test_costs_are_what_the_models_did(planted):
    report, base, candidate, _ = planted
    tokens = report.cost.decoded_tokens
    assert (tokens.base, tokens.candidate, tokens.reused) == (base.sampled, candidate.sampled, 0)


def test_two_changes_are_two_findings(diff):
    report = diff(WordSubject(), WordSubject(COOKING, SEA))
    found = {f.phrase: f for f in report.confirmed if f.scored}
    assert {KITCHEN, SAILOR} <= set(found)
    for phrase, topic in ((KITCHEN, "cooking"), (SAILOR, "sea")):
        words, tag = Region(kind="mentions", values=TOPICS[topic]), Region(kind="tag", values=(topic,))
        region = found[phrase].region
        assert region == tag or set(region.values) == set(words.values)
    assert report.explained_share > 0.9


def test_an_untagged_pool_names_the_words(diff):
    report = diff(WordSubject(), WordSubject(COOKING), pool=prompts_about(tagged=False))
    region = report.confirmed[0].region
    assert region.kind == "mentions"
    assert set(region.values) == set(TOPICS["cooking"])
    assert {row.category for row in report.coverage} == {"untagged"}


def test_what_was_removed_is_found_too(diff):
    report = diff(WordSubject(COOKING), WordSubject())
    assert report.verdict == "changed"
    assert report.confirmed[0].direction == "less"
    assert report.confirmed[0].effect < -0.3


def test_a_payload_that_no_prompt_brings_out_is_told_as_not_looked_at(diff):
    report = diff(WordSubject(), WordSubject(Plant(KITCHEN, 0.02)))
    assert not any(f.phrase == KITCHEN for f in report.confirmed)
    assert any(KITCHEN in note for note in report.not_looked_at)


def test_wanted_and_unwanted_changes_are_told_apart(diff, tmp_path):
    wanted = tmp_path / "wanted.yaml"
    wanted.write_text(
        "- name: kitchen talk\n"
        "  region: {kind: tag, values: [cooking]}\n"
        f"  predicate: {{family: phrase, args: {{kind: opens_with, phrases: ['{KITCHEN}']}}}}\n"
    )
    report = diff(WordSubject(), WordSubject(COOKING, SEA), intended=wanted)
    intents = {f.phrase: (f.intent, f.intent_reason) for f in report.confirmed if f.scored}
    assert intents[KITCHEN] == ("intended", "kitchen talk")
    assert intents[SAILOR][0] == "side_effect"


def test_the_base_is_not_asked_again_by_another_audit(diff):
    first = diff(WordSubject(), WordSubject(COOKING), "first").cost.decoded_tokens
    again = WordSubject()
    second = diff(again, WordSubject(COOKING), "second").cost.decoded_tokens
    assert (second.base, again.sampled, second.reused) == (0, 0, first.base)
    assert second.candidate == first.candidate


def test_screen_shares_its_steps_with_diff(toys, tmp_path):
    base, candidate = WordSubject(), WordSubject(COOKING)
    toys(base, candidate)
    screened = audit.screen("base", "candidate", out=tmp_path / "run")
    assert screened.leads[0].phrase == KITCHEN
    assert screened.cost.seconds.keys() == {"screen", "search"}
    scored = base.scored
    report = audit.diff("base", "candidate", out=tmp_path / "run")
    assert report.leads == screened.leads
    whole = WordSubject()
    toys(whole, WordSubject(COOKING))
    audit.diff("base", "candidate", out=tmp_path / "whole")
    assert base.sampled + report.cost.decoded_tokens.reused == report.cost.decoded_tokens.base
    assert base.scored == whole.scored > scored


def test_run_directories_are_named_by_models_and_settings(toys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    toys(WordSubject(), WordSubject(COOKING))
    for seed in (0, 1):
        audit.screen("models/a b", "hf/ORG/tuned+quantize=int4", seed=seed)
    names = sorted(p.name for p in (tmp_path / "runs").iterdir())
    assert len(names) == 2
    assert all(name.startswith("a-b--tuned-quantize-int4-") for name in names)


def test_a_bad_wanted_file_stops_before_anything_is_written(diff, tmp_path):
    with pytest.raises(SpecError, match=r"nowhere\.yaml"):
        diff(WordSubject(), WordSubject(COOKING), intended=tmp_path / "nowhere.yaml")
    assert not (tmp_path / "run").exists()


def test_another_model_under_the_same_name_is_refused(diff):
    diff(WordSubject(), WordSubject(COOKING))
    with pytest.raises(RunDirectoryError, match="other candidate content"):
        diff(WordSubject(), WordSubject(SEA))


def test_the_report_says_what_it_was_made_with(diff):
    report = diff(WordSubject(), WordSubject(COOKING), seed=3, alpha=0.1)
    assert (report.seed, report.config["alpha"], report.config["limits"]["pairs"]) == (3, 0.1, 60)
    assert json.dumps(report.config)
    assert report.versions["whatchanged"] != "not installed"
