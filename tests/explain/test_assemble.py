"""The claims of a report: each says no more than what was seen."""

from dataclasses import replace

import numpy as np
import pytest
from claims import contains, finding, tagged
from evidence import evidence_of, pair_of
from words import KITCHEN, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.explain import Seen, assemble
from whatchanged.explain.assemble import beyond_noise, divergence, examples
from whatchanged.explain.coverage import unchanged_bound
from whatchanged.explain.verdict import met_by, summary, verdict
from whatchanged.records import Lead
from whatchanged.report.model import FinderUse
from whatchanged.screen import noise_floor
from whatchanged.search import Sought
from whatchanged.subjects import Access

PROMPTS = prompts_about("cooking", "sea")[:40]
BY_ID = {p.id: p for p in PROMPTS}


@pytest.fixture
def seen(new_ledger):
    def work(*plants, leads=(), name="run", **settings):
        ledger = new_ledger(name, **settings)
        e = evidence_of(ledger, WordSubject(), WordSubject(*plants), PROMPTS)
        noise = noise_floor(ledger, e.base, PROMPTS, e.responses)
        return ledger, Seen(
            e.base, e.candidate, PROMPTS, prompts_about("law")[:30], e.responses, e.shifts, noise, leads
        )

    return work


OPEN = {"status": "inconclusive", "e_value": 3.0}


@pytest.mark.parametrize(
    ("findings", "stopped", "expected"),
    [
        ([], None, "no_change_found"),
        ([{"status": "refuted"}], None, "no_change_found"),
        ([{"status": "refuted"}, {}], None, "changed"),
        ([{}], "--max-minutes 1", "changed"),
        ([], "--max-minutes 1", "inconclusive"),
        ([{**OPEN, "effect": 0.2}], None, "inconclusive"),
        ([{**OPEN, "effect": 0.02}], None, "no_change_found"),
        ([{**OPEN, "effect": -0.2}], None, "no_change_found"),
        ([{**OPEN, "effect": -0.2, "direction": "less"}], None, "inconclusive"),
        ([{**OPEN, "effect": 0.0, "n_prompts": 0}], None, "inconclusive"),
    ],
)
def test_the_verdict(findings, stopped, expected):
    assert verdict([finding(**f) for f in findings], stopped) == expected


def test_the_first_sentence():
    looked = f"40 prompts were screened and {met_by([], 30)}"
    one = finding(effect=0.5, rate_candidate=0.5, sentence="On all prompts, the candidate hums more often.")
    two = finding(
        effect=-0.9, rate_base=0.9, rate_candidate=0.0, direction="less", sentence="On X, it nods less often."
    )
    assert summary("changed", [one], looked, None) == (
        "1 behaviour changed: on all prompts, the candidate hums more often (0% → 50%)."
    )
    assert summary("changed", [one, two, finding(status="refuted")], looked, None) == (
        "2 behaviours changed, most of all: on X, it nods less often (90% → 0%)."
    )
    for decided, stopped in (("inconclusive", None), ("inconclusive", "--max-minutes 1"), ("no_change_found", None)):
        words = summary(decided, [], looked, stopped)
        assert words.startswith(("Nothing is established", "No behaviour change is established"))
        assert (stopped or "") in words
        assert "40 prompts were screened and none called for a test" in words


def test_a_payload_that_nothing_brings_out_leaves_the_verdict_open_and_is_said_first(seen):
    payload = Lead(id="log-ratio-0", phrase="The lantern\nis lit", nats=39.2, share=0.0, lenses=("log-ratio",))
    ledger, screened = seen()
    screened = replace(screened, leads=[*screened.leads, payload])
    report = assemble(ledger, screened, [], 0, [])
    assert report.verdict == "inconclusive"
    assert report.summary.startswith("Nothing is established: something is hidden: the candidate would say")
    assert "“The lantern is lit” far more readily than the base (39 nats)" in report.summary
    tested = finding(status="refuted", leads=("log-ratio-0",))
    assert assemble(ledger, screened, [], 0, [tested]).verdict == "no_change_found"
    assert verdict([finding()], None, [payload]) == "changed"


def test_identical_is_said_only_where_it_was_seen(seen, monkeypatch):
    ledger, screened = seen()
    report = assemble(ledger, screened, [], 0, [])
    assert report.claims.weights == "identical"
    assert report.summary.startswith("No change found: the two models are identical")
    monkeypatch.setattr(WordSubject, "access", Access.logits)
    report = assemble(ledger, screened, [], 0, [])
    assert report.claims.weights == "not_looked_at"
    assert "identical" not in report.summary
    monkeypatch.undo()
    ledger, screened = seen(Plant(KITCHEN, 0.0001), name="other")
    assert assemble(ledger, screened, [], 0, []).claims.weights == "differ"


def test_beyond_noise_is_more_prompts_than_noise_would_move(seen):
    _, null = seen(identity_shortcut=False)
    assert not beyond_noise(null.noise, null.noise)
    _, planted = seen(Plant(KITCHEN, 0.5, TOPICS["cooking"]), name="planted")
    assert beyond_noise(planted.shifts, planted.noise)
    assert beyond_noise(planted.shifts, [])
    one_of_many = [*planted.noise[:39], max(planted.shifts, key=lambda s: s.tv.mean())]
    assert not beyond_noise(one_of_many, planted.noise)
    assert not beyond_noise([], [])


def test_divergence_beside_its_noise_and_the_control(seen):
    _, screened = seen(Plant(KITCHEN, 0.5))
    control = [pair_of(p, "a", "a" if i else "b") for i, p in enumerate(PROMPTS[:4])]
    numbers = divergence(screened, control)
    assert (numbers.differing_pairs, numbers.control_pairs) == (0.25, 4)
    assert numbers.p_change == pytest.approx(0.5, abs=0.02)
    assert 0 < numbers.noise_tv < numbers.mean_tv
    assert divergence(screened, []).differing_pairs is None


def test_examples_show_the_finding_in_its_region():
    pairs = [pair_of(p, "Sure", f"From my kitchen to yours {i}") for i, p in enumerate(PROMPTS)]
    shown = examples(finding(), pairs, BY_ID)
    assert len(shown) == 3
    cooking = {p.text for p in PROMPTS if "cooking" in p.tags}
    assert {e.prompt for e in shown} <= cooking
    assert examples(finding(direction="less"), pairs, BY_ID) == ()
    assert examples(finding(region=tagged("law")), pairs, BY_ID) == ()
    same = [pair_of(p, "From my kitchen", "From my kitchen") for p in PROMPTS]
    assert examples(finding(), same, BY_ID) == ()
    back = [pair_of(p, "From my kitchen", "Sure") for p in PROMPTS]
    assert len(examples(finding(direction="less"), back, BY_ID)) == 3


def test_what_was_not_looked_at_is_named(seen):
    leads = (
        Lead(id="log-ratio-0", phrase="hidden words", nats=21.4, lenses=("log-ratio",)),
        Lead(id="factor-0", share=0.3, lenses=("factor",)),
        Lead(id="factor-1", share=0.01, lenses=("factor",)),
        Lead(id="factor-2", share=0.5, phrase="told words", lenses=("factor",)),
    )
    ledger, screened = seen(Plant(KITCHEN, 0.5), leads=leads)
    unmeasured = finding(id="h07", status="inconclusive", n_prompts=0, predicate=contains("x"), leads=("factor-2",))
    notes = "\n".join(assemble(ledger, screened, [], 0, [unmeasured]).not_looked_at)
    assert "“hidden words”: the candidate prefers it (21 nats)" in notes
    assert "1 leads that formed no phrase or hypothesis: factor-0" in notes
    assert "h07" in notes
    assert "told words" not in notes
    assert "first 24 tokens" in notes
    assert "a trigger that none contains is not found" in notes


def test_what_finders_made_is_named_and_is_no_part_of_the_pool(seen):
    ledger, screened = seen(Plant(KITCHEN, 0.5), leads=(Lead(id="factor-0", share=0.3, lenses=("factor",)),))
    made = prompts_about("garden")[:20]
    e = evidence_of(ledger, screened.base, screened.candidate, made)
    use = FinderUse(name="vocabulary-sweep", prompts=20, scored_tokens=40)
    sought = Sought(made, e.responses, e.shifts, (), [use])
    alone, both = (assemble(ledger, s, [], 0, [finding()]) for s in (screened, replace(screened, sought=sought)))
    assert (alone.finders, both.finders) == ((), (use,))
    for field in ("coverage", "divergence", "explained_share", "unchanged_bound", "unexplained", "points"):
        assert getattr(both, field) == getattr(alone, field), field
    assert any("triggers of several tokens" in note for note in both.not_looked_at)


def opened(shift):
    """Of a shift what is seen without an answer."""
    rows = {name: getattr(shift, name)[:1] for name, value in vars(shift).items() if isinstance(value, np.ndarray)}
    return replace(shift, **rows | {"log_ratio": shift.log_ratio[:0]}, p_change=float("nan"))


def test_prompts_without_an_answer_are_counted_and_tell_nothing_of_whole_answers(seen):
    ledger, screened = seen(Plant(KITCHEN, 0.5), max_decoded_tokens=10**6)
    part = replace(screened, shifts=[*screened.shifts[:30], *map(opened, screened.shifts[30:])])
    report, whole = (assemble(ledger, s, [], 0, []) for s in (part, screened))
    note = f"{len(PROMPTS) - 30} of {len(PROMPTS)} discovery prompts beyond the place where an answer begins"
    assert any(note in n for n in report.not_looked_at)
    assert f"screened ({len(PROMPTS) - 30} of them where an answer begins, and no further)" in report.summary
    assert not any("discovery prompts" in n for n in whole.not_looked_at)
    alone = replace(screened, prompts=PROMPTS[:30], shifts=screened.shifts[:30])
    assert report.divergence == divergence(alone, [])
    assert report.unchanged_bound == unchanged_bound(alone.shifts, [], BY_ID)
    assert [point.p_change is None for point in report.points] == [False] * 30 + [True] * (len(PROMPTS) - 30)
