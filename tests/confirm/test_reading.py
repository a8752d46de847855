"""Texts to rates: who reads them, what is not read, and what an erring reader does to a verdict."""

import json
import re

import numpy as np
import pytest
from evidence import pair_of
from scripted import Scripted

from whatchanged.confirm import Answers, Recorded, confirm
from whatchanged.confirm.instruments import Rate
from whatchanged.confirm.reading import Reader, answers
from whatchanged.predicates import load
from whatchanged.records import Hypothesis, PredicateSpec, Prompt, Region
from whatchanged.roles import Roles
from whatchanged.roles.judge import Judge, Label

RUBRIC = "The answer speaks of a kitchen."
JUDGED = load(PredicateSpec(family="judged", args={"rubric": RUBRIC, "cues": ["stove"]}))
SAYS = load(PredicateSpec(family="phrase", args={"kind": "contains", "phrases": ["kitchen"]}))
PROMPTS = [Prompt.user(f"How do I cook dish {i}?") for i in range(240)]
ANSWER = re.compile(r"<<<ANSWER ([0-9a-f]+)\n(.*?)\nANSWER \1>>>", re.DOTALL)


def shown(ask):
    """The answer that an ask shows."""
    return ANSWER.search(ask.messages[0].content)[2]


def verdict(holds):
    return json.dumps({"reason": "", "holds": bool(holds)})


def right(ask):
    return verdict("kitchen" in shown(ask))


@pytest.fixture
def reader(new_ledger):
    def make(script=right, labels=(), name="run", usd=None):
        ledger = new_ledger(name)
        judge = None if script is None else Judge(Scripted(script, usd=usd))
        return Reader(ledger, Roles(ledger, judge=judge, labels=labels))

    return make


def told(*texts):
    """Answers (base, candidate), each one text or several."""
    return [
        Answers(p, *((text,) if isinstance(text, str) else text for text in both))
        for p, both in zip(PROMPTS, texts, strict=False)
    ]


def asks(reader):
    return reader.roles.judge.model.asks


def test_a_pairs_answers():
    pair = pair_of(PROMPTS[0], "a", "b")
    assert answers(PROMPTS[0], [pair, pair]) == Answers(PROMPTS[0], ["a", "a"], ["b", "b"])


def test_executable_predicates_ask_nobody(reader):
    read = reader()
    rates = read.rates(SAYS, told(("a", "my kitchen"), ("kitchen", "kitchen")), "s")
    assert rates == [Rate(0.0, 1.0), Rate(1.0, 1.0)]
    assert asks(read) == []
    assert read.judged_by(SAYS) is None
    assert read.calibrated(SAYS) is None
    assert read.roles.did == {}


def test_without_a_judge_cue_words_decide_and_that_is_said(reader):
    read = reader(None)
    assert read.rates(JUDGED, told(("my kitchen", "my stove")), "s") == [Rate(0.0, 1.0)]
    assert "cue words" in read.judged_by(JUDGED)
    assert read.calibrated(JUDGED) is None


def test_the_judge_reads_rubrics(reader):
    read = reader()
    assert read.rates(JUDGED, told(("my stove", "my kitchen"), ("kitchen", "stove")), "s") == [
        Rate(0.0, 1.0),
        Rate(1.0, 0.0),
    ]
    assert read.ledger.cost.judge_calls == len(asks(read)) == 4


def test_identical_answers_cost_no_call_and_count_as_no_difference(reader):
    read = reader()
    rates = read.rates(JUDGED, told(("kitchen", "kitchen"), ("a", "kitchen"), (("x", "y"), ("y", "x"))), "s")
    assert [r.difference for r in rates] == [0.0, 1.0, 0.0]
    assert rates[0] == Rate(None, None)  # nobody knows its rate, and nobody has to
    assert len(asks(read)) == 2
    assert read.roles.did["judge"] == ["6 calls avoided by equal answers, 0 prompts without a verdict"]


def test_repeats_are_one_unit(reader):
    rates = reader().rates(JUDGED, told((("a", "kitchen"), ("kitchen b", "kitchen c", "kitchen d", "e"))), "s")
    assert rates == [Rate(0.5, 0.75)]


@pytest.mark.parametrize("failed", [None, "I would rather not say."])
def test_a_missing_verdict_is_a_missing_value_and_is_counted(reader, failed):
    read = reader(lambda ask: failed if "mumble" in shown(ask) else right(ask))
    rates = read.rates(JUDGED, told(("a", "mumble kitchen"), ("b", "kitchen"), ((("mumble", "b"), "kitchen"))), "s")
    assert rates == [None, Rate(0.0, 1.0), None]
    assert read.roles.did["judge"] == ["0 calls avoided by equal answers, 2 prompts without a verdict"]


def test_hypotheses_that_share_a_rubric_are_counted_once(reader):
    read = reader(lambda ask: None if "mumble" in shown(ask) else right(ask))
    both = told(("a", "a"), ("b", "kitchen"), ("c", "mumble"))
    again = load(PredicateSpec(family="judged", args={"rubric": RUBRIC, "cues": ["other", "cues"]}))
    for predicate, step in ((JUDGED, "0000-h01"), (again, "0001-h02")):
        read.rates(predicate, both, step)
    assert read.roles.did["judge"] == ["2 calls avoided by equal answers, 1 prompts without a verdict"]
    other = load(PredicateSpec(family="judged", args={"rubric": "It rhymes.", "cues": ["so"]}))
    read.rates(other, both[:1], "0002-h03")
    assert read.roles.did["judge"] == ["4 calls avoided by equal answers, 1 prompts without a verdict"]


def test_labels_on_answers_that_were_read_come_with_the_rates(reader):
    known = [
        Label(prompt=PROMPTS[0], response=text, model="base", rubric=RUBRIC, holds=holds)
        for text, holds in (("a", True), ("my kitchen", True))
    ]
    read = reader(labels=known)
    rates = read.rates(JUDGED, told(("a", "my kitchen"), ("a", "my kitchen")), "s")
    assert rates == [Rate(0.0, 1.0, 0.0), Rate(0.0, 1.0, None)]
    assert read.rates(SAYS, told(("a", "my kitchen")), "t") == [Rate(0.0, 1.0)]


def test_what_was_read_is_not_read_again(reader):
    read = reader(usd=0.01)
    both = told(("a", "kitchen"), ("b", "b"), ("c", "mumble"))
    whole = read.rates(JUDGED, both, "s")
    again = reader()
    assert again.rates(JUDGED, both, "s") == whole
    assert asks(again) == []
    assert again.ledger.cost == read.ledger.cost
    assert again.ledger.cost.usd == pytest.approx(0.04)
    assert again.roles.did == read.roles.did


def labels(base=(10, 10), candidate=(10, 10), rubric=None):
    """Right verdicts: so many answers of each model that hold, and that do not."""
    found = []
    for model, counts in (("base", base), ("candidate", candidate)):
        for holds, count in zip((True, False), counts, strict=True):
            text = "In my kitchen" if holds else "Elsewhere"
            found += [
                Label(prompt=PROMPTS[i], response=f"{text} ({model} {i})", model=model, holds=holds, rubric=rubric)
                for i in range(count)
            ]
    return found


def test_calibration_counts_the_judges_errors_once(reader):
    read = reader(labels=labels(), script=lambda ask: verdict("kitchen" in shown(ask) and "base 3)" not in shown(ask)))
    known = read.calibrated(JUDGED)
    assert (known.base.true_positive, known.base.false_negative) == (9, 1)
    assert (known.candidate.sensitivity, known.candidate.specificity, known.base.specificity) == (1.0, 1.0, 1.0)
    assert known.delta == pytest.approx(0.1 * 0.05)
    assert "base 0.90/1.00, candidate 1.00/1.00" in read.judged_by(JUDGED)
    assert "corrected" in read.judged_by(JUDGED)
    assert read.ledger.cost.judge_calls == len(asks(read)) == 40


@pytest.mark.parametrize(
    "known", [(), labels(candidate=(10, 0)), labels(base=(0, 10)), labels(rubric="Another rubric.")]
)
def test_without_labels_of_both_kinds_for_both_models_it_says_so(reader, known):
    read = reader(labels=known)
    assert read.calibrated(JUDGED) is None
    assert read.judged_by(JUDGED) == "scripted (not calibrated: rates are its verdicts)"


# --- what a judge that errs more on one model does to a campaign ----------------------------------------------


def erring(base, candidate):
    """A judge with these (sensitivity, specificity) on each model; whose text it is it sees from a mark that the
    texts carry in these tests alone."""

    def script(ask):
        text = shown(ask)
        sensitivity, specificity = candidate if "cand" in text else base
        luck = int(re.search(r"#(\d+)", text)[1]) / 10_000
        return verdict(luck < sensitivity if "kitchen" in text else luck >= specificity)

    return script


def campaign(new_ledger, name, script, rates, labelled, seed=0):
    """One rubric hypothesis 'more' on recorded answers of these true rates; labels by the hundred, or none."""
    rng = np.random.default_rng(seed)

    def text(model, holds):
        return f"{'my kitchen' if holds else 'no room'} {model} #{rng.integers(10_000)}"

    recorded = {
        p.id: Answers(p, [text("base", rng.random() < rates[0])], [text("cand", rng.random() < rates[1])])
        for p in PROMPTS
    }
    known = [
        Label(prompt=PROMPTS[i % 50], response=text(model[:4], holds), model=model, holds=holds)
        for model in ("base", "candidate")
        for holds in (True, False)
        for i in range(labelled)
    ]
    ledger = new_ledger(name)
    tools = Recorded(ledger, recorded, Roles(ledger, judge=Judge(Scripted(script)), labels=known))
    claim = Hypothesis(
        id="h01", sentence="It does.", region=Region(), predicate=JUDGED.spec, direction="more", margin=0.05
    )
    (found,) = confirm(ledger, tools, [claim], PROMPTS)
    return found


BASE, CANDIDATE = (0.95, 0.95), (0.95, 0.7)  # it sees kitchens in three of ten of the candidate's other answers


def test_an_invented_difference_is_confirmed_without_calibration_and_not_with_it(new_ledger):
    script = erring(BASE, CANDIDATE)
    fooled = campaign(new_ledger, "plain", script, (0.1, 0.1), 0)
    assert fooled.status == "confirmed"
    assert fooled.ci_low > 0
    assert "not calibrated" in fooled.judge
    told_right = campaign(new_ledger, "corrected", script, (0.1, 0.1), 200)
    assert told_right.status != "confirmed"
    assert told_right.ci_low <= 0 <= told_right.ci_high
    assert "corrected" in told_right.judge


def test_a_true_difference_survives_the_correction_with_its_true_size(new_ledger):
    found = campaign(new_ledger, "run", erring(BASE, CANDIDATE), (0.1, 0.8), 200)
    assert found.status == "confirmed"
    assert found.ci_low <= 0.7 <= found.ci_high
    assert found.effect == pytest.approx(0.7, abs=0.12)
