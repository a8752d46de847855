"""The reasoner's second round: it knows what was confirmed, and proposes for prompts that told it nothing."""

import json
import re
from collections import defaultdict

import pytest
import recorded
from budget import TINY
from scripted import Scripted
from words import KITCHEN, TOPICS, Plant, WordSubject, prompts_about

from tests.audit.conftest import in_haste
from whatchanged import compare
from whatchanged.confirm.asked import Asked
from whatchanged.confirm.measure import Coupled
from whatchanged.confirm.recorded import Recorded
from whatchanged.pools import hold_back, split
from whatchanged.roles import MAX_PROPOSALS, Roles

__all__ = ["in_haste"]

EVERYWHERE = WordSubject(Plant(KITCHEN, 0.8))
RATE = 0.8 * 0.98
MACHINE = {"cost": {"seconds", "peak_memory"}}


def claim(*phrases, **more):
    predicate = {"family": "phrase", "kind": "contains", "phrases": list(phrases)}
    return {"region": {"kind": "everywhere"}, "predicate": predicate, "direction": "more"} | more


TRUE = claim("my kitchen")
FALSE, VACUOUS = claim("sailors"), claim("e")


def reasoner(*rounds, **more):
    """Proposes these in the first round, those in the second."""
    waiting = iter(rounds)
    return Scripted(lambda ask: json.dumps(next(waiting)), "thinker", **more)


@pytest.fixture
def met(monkeypatch):
    """Ids of the prompts that each round's tests looked at: {False: first, True: second}."""
    seen = defaultdict(set)
    for tools in (Coupled, Asked, Recorded):

        def measure(self, predicate, prompts, step, draws=1, plain=tools.measure):
            seen["-r2-" in step].update(p.id for p in prompts)
            return plain(self, predicate, prompts, step, draws)

        monkeypatch.setattr(tools, "measure", measure)
    return seen


def sides(seed=0):
    fresh = split(prompts_about(), TINY.discovery_prompts, TINY.confirmation_prompts, seed).confirmation
    return [{p.id for p in side} for side in hold_back(fresh, seed)]


def by_id(report):
    return {f.id: f for f in report.findings}


def did(report):
    return next(use.did for use in report.roles if use.role == "reasoner")


@pytest.mark.parametrize("access", ["logits", "text"])
def test_what_the_first_round_missed_is_confirmed_on_prompts_held_back_for_it(diff, met, access):
    helper = reasoner([FALSE], [TRUE, VACUOUS])
    report = diff(candidate=EVERYWHERE, reasoner=helper, access=access)
    found = by_id(report)
    first, held = sides()
    # From text alone a claim of the first round stays open, and goes on with the prompts held back.
    assert met[False] <= (first if access == "logits" else first | held)
    assert met[True]
    assert met[True] <= held
    assert (found["r01"].status, found["r2-01"].status) == ("refuted", "confirmed")
    assert found["r2-02"].status != "confirmed"
    assert found["r2-01"].ci_low <= RATE <= found["r2-01"].ci_high
    assert found["r2-01"].n_prompts <= len(held)
    assert list(found)[-2:] == ["r2-01", "r2-02"]
    confirmed = sum(found[i].status == "confirmed" for i in ("r01", "r2-01", "r2-02"))
    assert did(report)[:2] == ("proposed 1 hypothesis", "proposed 2 hypotheses after the first round")
    assert did(report)[2].startswith(f"of 3 tested, {confirmed} confirmed")


def test_prompts_of_which_the_first_round_asked_nothing_are_fresh_for_the_second(diff, met):
    cooking = WordSubject(Plant(KITCHEN, 0.8, TOPICS["cooking"]))
    at_sea = claim("sailors", region={"kind": "mentions", "values": TOPICS["sea"]})
    report = diff(candidate=cooking, reasoner=reasoner([], [at_sea]))
    first, held = sides()
    assert met[True] & first
    assert met[True] & held
    assert met[True] <= first | held
    assert not met[True] & met[False]
    assert by_id(report)["r2-01"].n_prompts == len(met[True])


def test_it_is_told_what_became_of_every_claim_and_shown_what_none_explains(diff):
    helper = reasoner([FALSE], [])
    report = diff(reasoner=helper)
    before, after = helper.said
    assert "Confirmed claims account for" not in before
    found = by_id(report)
    for finding in found.values():
        told = json.dumps([finding.status, finding.sentence, round(finding.effect, 3)], ensure_ascii=False)
        assert told in after
    assert {f.status for f in found.values()} == {"confirmed", "refuted"}
    shown = int(re.search(r"Confirmed claims account for (\d+) of them", after)[1])
    assert shown > 0
    # The plant is confirmed, so no pair with it is shown any more.
    assert any(KITCHEN in row for row in before.split("<<<PAIR")[1:])
    assert not any(KITCHEN in row.split("PAIR")[0] for row in after.split("<<<PAIR")[1:])


def test_a_second_round_about_nothing_confirms_nothing(diff, met):
    nulls = [claim(word) for word in ("sailors", "lawyer", "dawn", "violin", "e", "take")]
    report = diff(candidate=EVERYWHERE, reasoner=reasoner([], nulls))
    second = [f for i, f in by_id(report).items() if i.startswith("r2-")]
    assert len(second) == len(nulls)
    assert not any(f.status == "confirmed" for f in second)
    assert all(f.n_prompts > 0 for f in second)


def test_every_confidence_counts_the_hypotheses_that_might_have_come(diff):
    report = diff(candidate=EVERYWHERE, reasoner=reasoner([FALSE], [TRUE]))
    first = sum(not f.id.startswith("r2-") for f in report.findings)
    expected = 1 - 0.05 * len(report.confirmed) / (first + MAX_PROPOSALS)
    assert [f.confidence for f in report.findings] == pytest.approx([expected] * len(report.findings), abs=1e-6)


def test_without_a_reasoner_no_prompt_is_held_back(diff, met):
    diff(candidate=EVERYWHERE)
    _, held = sides()
    assert met[False] & held
    assert not met[True]


def test_the_critic_reads_the_second_round_as_well(diff):
    def script(ask):
        said = ask.messages[0].content
        earlier = said.partition("# Hypotheses that come before")[2].partition("# The evidence")[0]
        repeats = "my kitchen" in said.partition("# Hypotheses that come before")[0] and "sailors" in earlier
        return json.dumps({"restated": "It says it.", "keep": not repeats, "reason": "It was said before."})

    critic = Scripted(script, "attacker")
    report = diff(candidate=EVERYWHERE, reasoner=reasoner([FALSE], [TRUE, VACUOUS]), critic=critic)
    assert [i for i in by_id(report) if i.startswith("r2-")] == ["r2-02"]
    lines = next(use.did for use in report.roles if use.role == "critic")
    assert any(line.startswith("struck out r2-01") for line in lines)


class Killed(BaseException):
    """The plug is pulled."""


@pytest.mark.parametrize("asks", [1, 2])
def test_a_run_that_was_killed_resumes_to_the_same_report(diff, asks):
    rounds = ([FALSE], [TRUE, VACUOUS])
    whole = diff("whole", candidate=EVERYWHERE, reasoner=reasoner(*rounds), access="text")

    def script(ask):
        if len(helper.asks) >= asks:
            raise Killed
        return json.dumps(rounds[0])

    helper = Scripted(script, "thinker")
    with pytest.raises(Killed):
        diff(candidate=EVERYWHERE, reasoner=helper, access="text")
    left = reasoner(*rounds[asks - 1 :])
    again = diff(candidate=EVERYWHERE, reasoner=left, access="text")
    assert again.model_dump(exclude=MACHINE) == whole.model_dump(exclude=MACHINE)
    assert len(left.asks) == 3 - asks


def test_recorded_logs_have_a_second_round_too(monkeypatch, tmp_path, met):
    helper = reasoner([FALSE], [claim("my kitchen", region={"kind": "tag", "values": ["cooking"]})])
    monkeypatch.setattr(compare, "open_roles", lambda ledger, purse, labels: Roles(ledger, helper))
    logs = [
        recorded.jsonl(tmp_path / f"{side}.jsonl", rows)
        for side, rows in (("base", recorded.rows(0)), ("candidate", recorded.rows(1, recorded.RATE)))
    ]
    report = compare.logs(*map(str, logs), out=tmp_path / "run")
    assert by_id(report)["r2-01"].n_prompts > 0
    assert by_id(report)["r2-01"].effect > 0.3
    assert met[True]
    assert not met[False] & met[True]
