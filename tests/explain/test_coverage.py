"""What was looked at, and what would have been seen there."""

import math

import pytest
from claims import finding, tagged
from evidence import evidence_of
from words import KITCHEN, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.config import AuditConfig
from whatchanged.explain.coverage import beyond_the_pool, category, coverage, pool_map, unchanged_bound
from whatchanged.pools import hold_back
from whatchanged.records import ContextRef, Lead, Prompt
from whatchanged.report.model import FinderUse
from whatchanged.stats import clopper_pearson_upper, smallest_detectable

DISCOVERY, FRESH = prompts_about()[:120], prompts_about("cooking", "sea", "law")[120:240]
BY_ID = {p.id: p for p in DISCOVERY}
CONFIG = AuditConfig(base="b", candidate="c")


@pytest.fixture
def shifts(new_ledger):
    return evidence_of(
        new_ledger(), WordSubject(), WordSubject(Plant(KITCHEN, 0.9, TOPICS["cooking"])), DISCOVERY
    ).shifts


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({}, "a trigger that none contains is not found"),
        ({"subject-sweep": 0}, "a trigger that none contains is not found"),
        ({"subject-sweep": 160, "markers": 24, "idle": 0}, "unlike those that subject-sweep and markers made"),
        ({"vocabulary-sweep": 0, "subject-sweep": 160}, "triggers of several tokens, and topics, that no prompt"),
    ],
)
def test_what_lies_beyond_the_pool_depends_on_who_searched(made, expected):
    uses = [FinderUse(name=name, prompts=n, scored_tokens=0) for name, n in made.items()]
    assert expected in beyond_the_pool(uses)
    assert len(beyond_the_pool(uses[:1])) <= 80  # what the terminal shows of it


def test_a_category_is_the_first_tag_up_to_its_slash():
    assert category(Prompt.user("x", tags=("everyday/travel", "b"))) == "everyday"
    assert category(Prompt.user("x", tags=("b", "everyday/travel"))) == "b"
    assert category(Prompt.user("x")) == "untagged"


def test_one_row_a_category_with_its_counts_and_change(shifts):
    rows = {row.category: row for row in coverage(CONFIG, DISCOVERY, FRESH, shifts, 4)}
    assert list(rows) == sorted(TOPICS)
    for name, row in rows.items():
        assert row.discovery_prompts == sum(name in p.tags for p in DISCOVERY)
        assert row.confirmation_prompts == sum(name in p.tags for p in FRESH)
    assert rows["cooking"].p_change == pytest.approx(0.9, abs=0.02)
    assert rows["sea"].p_change < 0.01
    assert rows["cooking"].p_change_upper == 1.0
    n = rows["sea"].discovery_prompts
    assert rows["sea"].p_change_upper == pytest.approx(clopper_pearson_upper(0, n, 0.05), abs=1e-6)


def test_the_smallest_effect_is_what_so_many_fresh_prompts_would_show(shifts):
    rows = {row.category: row for row in coverage(CONFIG, DISCOVERY, FRESH, shifts, 4)}
    sea = rows["sea"]
    expected = smallest_detectable(sea.confirmation_prompts, 0.05, math.log(4 / 0.05))
    assert sea.smallest_effect == pytest.approx(expected, abs=1e-4)
    assert rows["music"].smallest_effect is None  # no fresh prompt
    many, few = (
        {r.category: r.smallest_effect for r in coverage(CONFIG, DISCOVERY, FRESH, shifts, n)} for n in (64, 1)
    )
    assert many["sea"] > few["sea"]


@pytest.mark.parametrize("rule", ["e-lond", "saffron", "addis"])
def test_a_stricter_rule_sees_less(shifts, rule):
    strict = coverage(CONFIG.model_copy(update={"fdr": rule}), DISCOVERY, FRESH, shifts, 4)
    usual = {r.category: r.smallest_effect for r in coverage(CONFIG, DISCOVERY, FRESH, shifts, 4)}
    for row in strict:
        if row.confirmation_prompts:
            assert row.smallest_effect is None or row.smallest_effect > usual[row.category]


def test_unseen_categories_bound_nothing(shifts):
    only_fresh = [Prompt.user(f"new {i}", tags=("new",)) for i in range(50)]
    rows = {r.category: r for r in coverage(CONFIG, DISCOVERY, only_fresh, shifts, 1)}
    assert rows["new"].discovery_prompts == 0
    assert (rows["new"].p_change, rows["new"].p_change_upper) == (None, None)  # not seen is not zero


def test_the_bound_counts_changed_prompts_outside_confirmed_regions(shifts):
    n, changed = len(shifts), sum(s.p_change > 0.5 for s in shifts)
    assert changed == sum("cooking" in p.tags for p in DISCOVERY)
    cases = {
        clopper_pearson_upper(changed, n, 0.05): ([], [finding(status="refuted")], [finding(region=tagged("law"))]),
        clopper_pearson_upper(0, n, 0.05): ([finding()], [finding(region=tagged("law")), finding()]),
    }
    for bound, lists in cases.items():
        for findings in lists:
            assert unchanged_bound(shifts, findings, BY_ID) == pytest.approx(bound, abs=1e-6)
    assert unchanged_bound([], [], BY_ID) == 1.0


def test_the_map_has_every_prompt_with_the_lead_that_shows_most(shifts):
    first, second = DISCOVERY[:2]

    def lead(name, prompt, weight, lens="factor"):
        ref = ContextRef(prompt_id=prompt.id, draw=0, position=0, weight=weight)
        return Lead(id=name, contexts=(ref,), lenses=(lens,))

    leads = [lead("a", first, 1.0), lead("b", first, 2.0), lead("c", second, 9.0, "log-ratio")]
    points = pool_map(shifts, leads, BY_ID)
    assert [p.prompt for p in points] == [p.text for p in DISCOVERY]
    assert [p.lead for p in points[:3]] == ["b", None, None]
    assert all(0 <= p.p_change <= 1 for p in points)


def test_a_second_round_leaves_the_first_fewer_prompts_and_asks_for_more_evidence(shifts):
    asked = CONFIG.model_copy(update={"reasoner": "mockllm/model"})
    alone, shared = (
        {r.category: r for r in coverage(config, DISCOVERY, FRESH, shifts, 4)} for config in (CONFIG, asked)
    )
    met = sum("sea" in p.tags for p in hold_back(FRESH, asked.seed)[0])
    expected = smallest_detectable(met, 0.05, math.log((4 + 8) / 0.05))
    assert shared["sea"].smallest_effect == pytest.approx(expected, abs=1e-4)
    assert shared["sea"].smallest_effect > alone["sea"].smallest_effect
    assert shared["sea"].confirmation_prompts == alone["sea"].confirmation_prompts
