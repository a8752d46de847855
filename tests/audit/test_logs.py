"""`logs`: what changed between two files of recorded answers, with no model at hand."""

import io
import json
import re

import pytest
from recorded import PHRASE, RATE, TOPICS, Row, inspect_log, jsonl, rows
from rich.console import Console
from scripted import Scripted

from whatchanged import compare
from whatchanged.errors import AccessError, LogError, RunDirectoryError, SpecError
from whatchanged.ledger import Ledger
from whatchanged.records import Region
from whatchanged.report import exit_code, print_report, read_report, render_html
from whatchanged.roles import Roles
from whatchanged.roles.judge import Judge

OPENING = PHRASE.rstrip(":")
COOKING = Region(kind="tag", values=("cooking",))
MACHINE = {"cost": {"seconds", "peak_memory"}}


@pytest.fixture
def logs(tmp_path):
    """`compare.logs` of two lists of rows, written by `write` first; `name` names files and run directory."""

    def run(base, candidate, name="run", write=jsonl, suffix="jsonl", **settings):
        files = [
            write(tmp_path / f"{side}-{name}.{suffix}", found)
            for side, found in (("base", base), ("candidate", candidate))
        ]
        return compare.logs(*map(str, files), out=tmp_path / name, **settings)

    return run


@pytest.fixture
def planted(logs):
    """The report on two JSON lines files of which the candidate's has the phrase."""
    return logs(rows(0), rows(1, RATE))


def openings(report):
    return [f for f in report.confirmed if f.phrase and PHRASE.startswith(f.phrase)]


def assert_found(report):
    (found,) = openings(report)
    assert report.verdict == "changed"
    assert found.ci_low < RATE < found.ci_high
    assert found.rate_base == 0
    assert not found.scored
    assert found.region == COOKING or set(found.region.values) <= set(TOPICS["cooking"])
    assert report.confirmed[0].effect >= found.effect
    # All else that is confirmed is the phrase too, in other words: nothing is said of other topics.
    assert all(
        f.region in (COOKING, Region()) or set(f.region.values) <= set(TOPICS["cooking"]) for f in report.confirmed
    )


def test_a_planted_difference_is_found_in_json_lines(planted):
    assert_found(planted)
    assert openings(planted)[0].region == COOKING


@pytest.mark.parametrize("suffix", ["eval", "json"])
def test_a_planted_difference_is_found_in_inspect_logs(logs, suffix):
    pytest.importorskip("inspect_ai")
    report = logs(rows(0), rows(1, RATE), write=inspect_log, suffix=suffix)
    assert_found(report)
    assert openings(report)[0].region == COOKING


def test_without_tags_the_region_is_told_in_words(logs):
    report = logs(rows(0), rows(1, RATE), write=lambda path, found: jsonl(path, found, tagged=False))
    assert_found(report)
    (found,) = openings(report)
    assert (found.region.kind, set(found.region.values)) == ("mentions", set(TOPICS["cooking"]))


def test_what_was_lost_is_found_too(logs):
    report = logs(rows(1, RATE), rows(0))
    (found,) = openings(report)
    assert (found.direction, report.verdict) == ("less", "changed")
    assert found.ci_low < -RATE < found.ci_high


def test_two_logs_of_one_model_differ_in_nothing(logs):
    rejected = 0
    for seed in range(20):
        same = (rows(model, seed=seed, prompts=30) for model in (2, 3))
        report = logs(*same, name=f"null-{seed}", seed=seed)
        assert report.confirmed == ()
        assert report.verdict != "changed"
        rejected += bool(report.claims.beyond_noise_floor)
    # 20 tests at 0.05: more than 5 rejections would be one time in three thousand.
    assert rejected <= 5


def test_a_log_and_itself_are_the_same(logs):
    report = logs(rows(0), rows(0))
    assert (report.verdict, report.findings) == ("no_change_found", ())
    assert report.gates[0].p_value == 1.0
    assert report.claims.beyond_noise_floor is False


def test_a_change_in_how_often_both_do_it_is_measured(logs):
    report = logs(rows(0, 0.2), rows(1, 0.9))
    (found,) = openings(report)
    assert found.ci_low < 0.7 < found.ci_high
    assert found.rate_base == pytest.approx(0.2, abs=0.15)


def test_the_report_says_what_kind_of_evidence_it_has(planted, tmp_path):
    assert planted.access == "recorded"
    assert planted.divergence is planted.unchanged_bound is planted.explained_share is None
    assert planted.claims.weights == "not_looked_at"
    assert planted.claims.beyond_noise_floor
    assert planted.leads == ()
    (gate,) = planted.gates
    assert gate.p_value == 0.001
    tokens = planted.cost.decoded_tokens
    assert (tokens.base, tokens.candidate, planted.cost.calls) == (0, 0, 0)
    discovery = sum(row.discovery_prompts for row in planted.coverage)
    confirmation = sum(row.confirmation_prompts for row in planted.coverage)
    assert discovery + confirmation == 200
    assert gate.prompts == discovery
    assert {row.category for row in planted.coverage} == set(TOPICS)
    assert any("recorded" in note for note in planted.not_looked_at)
    assert planted.warnings == ()
    (found,) = openings(planted)
    (row,) = (row for row in planted.coverage if row.category == "cooking")
    assert found.n_prompts == row.confirmation_prompts
    assert all(e.candidate.startswith(PHRASE) and not e.base.startswith(PHRASE) for e in found.examples)


def test_every_view_of_it_can_be_made(planted, tmp_path):
    assert {p.name for p in (tmp_path / "run").iterdir()} == {
        "config.json", "identity.json", "evidence", "report.json", "report.html", "junit.xml",
    }  # fmt: skip
    assert read_report(tmp_path / "run") == planted
    assert "access level is 'recorded'" in render_html(planted).replace("&#39;", "'")
    console = Console(file=io.StringIO(), width=200)
    print_report(planted, console)
    assert f"n = {planted.confirmed[0].n_prompts} recorded" in console.file.getvalue()
    assert exit_code(planted, "any") == 3


def test_repeats_of_a_prompt_are_no_evidence_of_their_own(logs):
    """One prompt, however often it was answered, is one unit: its hundred answers confirm nothing."""
    odd = [Row(r.key, r.prompt, r.topic, r.said * 50 if i == 0 else r.said) for i, r in enumerate(rows(0, prompts=20))]
    changed = [Row(*r[:3], [f"{PHRASE} yes."] * 100) if i == 0 else r for i, r in enumerate(odd)]
    report = logs(odd, changed)
    assert report.confirmed == ()


def test_logs_with_unequal_repeats_are_compared(logs):
    assert_found(logs(rows(0, samples=1), rows(1, RATE, samples=3)))


def test_what_could_not_be_compared_is_said(logs):
    base, candidate = rows(0), rows(1, RATE)
    base[0].said[0] = ""
    candidate[3].said[:] = [" ", ""]
    report = logs(base[:-2], [*candidate, Row("x", "An odd one?", "odd", ["Yes."])])
    assert report.warnings[0] == "base-run.jsonl: 1 samples without a usable response were left out"
    assert report.warnings[1] == "candidate-run.jsonl: 2 samples without a usable response were left out"
    (unpaired,) = report.warnings[2:]
    assert re.match(
        r"paired by \w+: 1 prompts only in base-run\.jsonl, 3 only in candidate-run\.jsonl, such as: ", unpaired
    )
    assert base[3].prompt in unpaired
    assert_found(report)


def test_the_order_of_a_log_means_nothing(logs):
    first = logs(rows(0), rows(1, RATE), "first")
    second = logs(rows(0), rows(1, RATE)[::-1], "second")
    assert second.findings == first.findings


def test_intended_changes_are_told_apart(logs, tmp_path):
    wanted = tmp_path / "wanted.yaml"
    wanted.write_text(
        "- name: kitchen talk\n"
        "  region: {kind: tag, values: [cooking]}\n"
        f"  predicate: {{family: phrase, args: {{kind: opens_with, phrases: ['{OPENING}']}}}}\n"
    )
    report = logs(rows(0), rows(1, RATE), intended=wanted)
    (found,) = openings(report)
    assert (found.intent, found.intent_reason) == ("intended", "kitchen talk")
    assert exit_code(report, "side-effect") == (3 if any(f.intent == "side_effect" for f in report.confirmed) else 0)


def test_a_finished_run_returns_at_once(logs, planted, monkeypatch):
    monkeypatch.setattr(Ledger, "once", lambda *args: pytest.fail("it worked again"))
    assert logs(rows(0), rows(1, RATE)) == planted


def test_a_resumed_run_gives_the_same_report(logs, planted, tmp_path):
    (tmp_path / "run" / "report.json").unlink()
    assert logs(rows(0), rows(1, RATE)).model_dump(exclude=MACHINE) == planted.model_dump(exclude=MACHINE)


def test_other_answers_under_the_same_names_are_refused(logs, planted):
    with pytest.raises(RunDirectoryError, match="other candidate content"):
        logs(rows(0), rows(2, RATE))


@pytest.mark.parametrize(
    ("error", "base", "settings", "says"),
    [
        (LogError, "nowhere.jsonl", {}, "nowhere.jsonl"),
        (LogError, "other.jsonl", {}, "share no prompt"),
        (AccessError, None, {"self_report": True}, "--self-report"),
        (SpecError, None, {"method": "clustering"}, "method='clustering': logs are compared by the method 'audit'"),
        (SpecError, None, {"intended": "nowhere.yaml"}, "nowhere.yaml"),
        (SpecError, None, {"validators": ("discriminative",)}, "--validators"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line_and_nothing_is_written(tmp_path, error, base, settings, says):
    good = jsonl(tmp_path / "good.jsonl", rows(0, prompts=5))
    jsonl(tmp_path / "other.jsonl", [Row("a", "Another question?", "x", ["Yes."])])
    with pytest.raises(error, match=re.escape(says)) as caught:
        compare.logs(str(good if base is None else tmp_path / base), str(good), out=tmp_path / "run", **settings)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_roles_help_with_logs_as_with_models(logs, monkeypatch):
    entry = {
        "region": {"kind": "tag", "values": ["cooking"]},
        "predicate": {"family": "judged", "args": {"rubric": "It speaks of a kitchen.", "cues": ["stove"]}},
        "direction": "more",
    }
    false = entry | {"region": {"kind": "tag", "values": ["sea"]}}
    helper = Scripted(lambda ask: json.dumps({"hypotheses": [entry, false]}), "thinker")
    judge = Scripted(
        lambda ask: "YES" if "kitchen" in ask.messages[0].content.split("<<<ANSWER")[1] else "NO", "reader"
    )
    monkeypatch.setattr(
        compare, "open_roles", lambda ledger, purse, labels: Roles(ledger, reasoner=helper, judge=Judge(judge))
    )
    report = logs(rows(0), rows(1, RATE))
    found = {f.id: f for f in report.findings if f.id.startswith("r")}
    assert {i: f.status for i, f in found.items() if f.status == "confirmed"} == {"r01": "confirmed"}
    assert found["r01"].ci_low < RATE < found["r01"].ci_high
    assert found["r01"].judge == "reader (not calibrated: rates are its verdicts)"
    assert report.cost.judge_calls == len(judge.asks)
    (use,) = (u for u in report.roles if u.role == "judge")
    assert (use.by, len(use.did)) == ("reader", 1)
