"""Verdicts against known truths: true effects confirmed, nulls refuted, and undecided said so."""

import pytest
from law import LawInstruments, beta, hypothesis, two_point
from words import prompts_about

from whatchanged.config import BUDGETS
from whatchanged.confirm import Later, confirm
from whatchanged.records import Region

PROMPTS = prompts_about()
RULES = ("e-bh", "e-lond", "saffron", "addis")
STRONG, NULL = two_point(0.6), beta(0.0, 40)


@pytest.fixture
def campaign(new_ledger, monkeypatch, tiny_budget):
    """Findings of hypotheses whose differences follow `laws`."""
    monkeypatch.setitem(BUDGETS, "small", tiny_budget.model_copy(update={"confirm_tokens": 10**9}))

    def run(laws, hypotheses=None, prompts=PROMPTS, seed=0, later=None, **settings):
        hypotheses = hypotheses or [hypothesis(i) for i in range(len(laws))]
        run.tools = LawInstruments(laws, seed)
        return confirm(new_ledger(f"run-{seed}", **settings), run.tools, hypotheses, prompts, later)

    return run


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("scored", [True, False])
def test_every_rule_confirms_true_effects_and_refutes_nulls(campaign, rule, scored):
    laws = [STRONG, NULL, STRONG, NULL, NULL, STRONG, NULL, STRONG]
    hypotheses = [hypothesis(i, scored=scored) for i in range(len(laws))]
    findings = campaign(laws, hypotheses, fdr=rule)
    assert [f.id for f in findings] == [h.id for h in hypotheses]
    for law, finding in zip(laws, findings, strict=True):
        assert finding.status == ("confirmed" if law is STRONG else "refuted")
        assert finding.scored is scored
        truth = 0.6 if law is STRONG else 0.0
        assert finding.ci_low <= truth <= finding.ci_high
        assert finding.ci_low <= finding.effect <= finding.ci_high
        assert finding.effect == pytest.approx(finding.rate_candidate - finding.rate_base, abs=2e-6)


@pytest.mark.parametrize("rule", ["saffron", "addis"])
def test_rules_that_need_independence_never_share_a_prompt(campaign, rule):
    campaign([STRONG, NULL, STRONG, NULL], fdr=rule)
    seen = campaign.tools.seen
    ids = [p.id for prompts in seen.values() for p in prompts]
    assert len(seen) == 4
    assert len(set(ids)) == len(ids)


def test_rules_for_any_dependence_use_every_prompt_of_the_region(campaign):
    findings = campaign([two_point(0.09)] * 3, prompts=PROMPTS[:64])
    assert [f.n_prompts for f in findings] == [64, 64, 64]


def test_no_prompt_is_looked_at_twice_and_none_outside_the_region(campaign):
    tags = ("sea", "law")
    hypotheses = [hypothesis(i, region=Region(kind="tag", values=(tag,))) for i, tag in enumerate(tags)]
    campaign([two_point(0.1)] * 2, hypotheses)
    for number, tag in enumerate(tags):
        seen = campaign.tools.seen[number]
        assert {p.tags[0] for p in seen} == {tag}
        assert len({p.id for p in seen}) == len(seen)


def test_undecided_when_prompts_run_out(campaign):
    (finding,) = campaign([two_point(0.15)], prompts=PROMPTS[:20])
    assert (finding.status, finding.n_prompts) == ("inconclusive", 20)
    assert finding.ci_low < 0.05 < finding.ci_high


def test_no_prompt_in_the_region_is_undecided_and_says_nothing(campaign):
    (finding,) = campaign([STRONG], [hypothesis(0, region=Region(kind="tag", values=("nowhere",)))])
    assert (finding.status, finding.n_prompts) == ("inconclusive", 0)
    assert finding.e_value == pytest.approx(1.0)
    assert (finding.effect, finding.ci_low, finding.ci_high) == (0.0, -1.0, 1.0)


def test_no_hypotheses_no_findings(campaign):
    assert campaign([]) == []
    assert campaign([], fdr="saffron", seed=1) == []


def test_effects_have_the_candidates_sign_whatever_the_direction(campaign):
    laws = [two_point(-0.6, -1.0, 0.0), two_point(-0.6, -1.0, 0.0), STRONG]
    hypotheses = [hypothesis(0, direction="less"), hypothesis(1), hypothesis(2, direction="less")]
    less, wrong, wrong_too = campaign(laws, hypotheses)
    assert (less.status, wrong.status, wrong_too.status) == ("confirmed", "refuted", "refuted")
    assert less.effect < -0.4
    assert less.ci_high < -0.05
    assert wrong.effect < 0 < wrong_too.effect


def test_an_effect_below_the_margin_is_no_finding(campaign):
    (within, beyond) = campaign(
        [two_point(0.1)] * 2, [hypothesis(0, margin=0.3), hypothesis(1, margin=0.01)], prompts=PROMPTS[:400]
    )
    assert (within.status, beyond.status) == ("refuted", "confirmed")


def test_looks_go_on_after_the_verdict_for_the_sake_of_the_interval(campaign):
    (finding,) = campaign([two_point(0.9)])
    assert 160 <= finding.n_prompts <= 192
    assert finding.ci_high - finding.ci_low < 0.25


def test_a_refuted_hypothesis_costs_no_more_looks(campaign):
    (finding,) = campaign([two_point(-0.9, -1.0, 0.0)])
    assert (finding.status, finding.n_prompts) == ("refuted", 32)


@pytest.mark.parametrize("rule", RULES)
def test_an_open_test_goes_on_while_there_are_prompts(campaign, rule):
    """Late in a stream more evidence is asked for: a test must not stop at what e-BH would be content with."""
    laws = [NULL] * 11 + [two_point(0.4)]
    hypotheses = [hypothesis(i, scored=False) for i in range(12)]
    for seed in range(5):
        last = campaign(laws, hypotheses, fdr=rule, prompts=PROMPTS, seed=seed)[-1]
        own = len(PROMPTS) if rule.startswith("e-") else len(campaign.tools.seen[11])
        assert last.status == "confirmed" or last.n_prompts == own


def test_the_same_campaign_twice_is_the_same(campaign):
    laws = [STRONG, NULL, two_point(0.12)]
    first = campaign(laws, seed=0)
    # Another directory, the same readings.
    assert campaign(laws, seed=0, fdr="e-bh") == first


def test_intervals_cover_at_their_stated_confidence(campaign):
    laws = [two_point(0.05), beta(0.05, 4), two_point(0.3, -1.0, 1.0), beta(-0.4, 2), two_point(0.02)]
    truths = [0.05, 0.05, 0.3, -0.4, 0.02]
    runs, missed = 30, 0
    for seed in range(runs):
        for truth, finding in zip(truths, campaign(laws, prompts=PROMPTS[:160], seed=seed), strict=True):
            missed += not finding.ci_low <= truth <= finding.ci_high
            assert finding.confidence >= 0.95
    assert missed <= 0.05 * runs * len(laws)


def told(word, number, **rest):
    """A hypothesis of the sweep's, on prompts that mention the word."""
    return hypothesis(number, region=Region(kind="mentions", values=(word,)), finder="trigger-inversion", **rest)


def without(*words):
    """The prompts' words but for these: what a made prompt was made from."""
    return lambda prompt: tuple(word for word in prompt.text.split() if word not in words)


@pytest.mark.parametrize("rule", RULES)
def test_what_a_finders_prompts_showed_is_tested_on_new_ones_of_the_kind_alone(campaign, rule):
    (finding,) = campaign([STRONG], [told("cobalt", 0)], fdr=rule)
    seen = campaign.tools.seen[0]
    assert (finding.status, finding.finder, finding.n_prompts) == ("confirmed", "trigger-inversion", len(seen))
    assert {p.source for p in seen} == {"trigger-inversion"}
    assert all(finding.region.contains(p) for p in seen)
    assert 32 <= len(seen) == len({p.id for p in seen}) <= 96
    # Made from confirmation prompts, each of them used once.
    origins = [without("cobalt")(p) for p in seen]
    assert len(set(origins)) == len(origins)
    assert set(origins) <= {without()(p) for p in PROMPTS}


@pytest.mark.parametrize("rule", ["saffron", "addis"])
def test_made_prompts_come_from_the_hypothesis_own_share(campaign, rule):
    hypotheses = [told("cobalt", 0), told("quartz", 1), hypothesis(2)]
    campaign([STRONG] * 3, hypotheses, fdr=rule)
    origins = [without("cobalt", "quartz")(p) for n in range(3) for p in campaign.tools.seen[n]]
    assert all(len(campaign.tools.seen[n]) > 32 for n in range(3))
    assert len(set(origins)) == len(origins)


@pytest.mark.parametrize("finder", ["subject-sweep", "vocabulary-sweep"])
@pytest.mark.parametrize("rule", ["saffron", "addis"])
def test_questions_that_a_finder_always_asks_are_shared_out(campaign, rule, finder):
    """The sweeps ask of a name or a word whatever prompts they are given: two claims on it must not ask the same."""
    region = Region(kind="mentions", values=("Eiffel",))
    hypotheses = [hypothesis(n, region=region, finder=finder) for n in range(2)]
    campaign([STRONG] * 2, hypotheses, fdr=rule)
    first, second = ({p.text for p in campaign.tools.seen[n]} for n in range(2))
    assert len(first) > 4
    assert len(second) > 4
    assert not first & second


def test_a_finding_on_the_pools_own_prompts_does_not_say_that_a_finder_made_them(campaign):
    """No finder makes prompts with a tag, so this one is tested on the pool's."""
    region = Region(kind="tag", values=("sea",))
    (finding,) = campaign([STRONG], [hypothesis(0, region=region, finder="vocabulary-sweep")])
    assert (finding.status, finding.finder) == ("confirmed", None)
    assert {p.tags for p in campaign.tools.seen[0]} == {("sea",)}


def test_later_hypotheses_are_counted_before_they_are_made(campaign):
    """Evidence that would do for one hypothesis does not do for one and eight that may still come."""
    (alone,) = campaign([two_point(1.0)], prompts=PROMPTS[:7])
    assert 1 / 0.05 < alone.e_value < 9 / 0.05
    (first,) = campaign([two_point(1.0)], prompts=PROMPTS[:7], later=Later(lambda findings: [], 8, []))
    assert first.e_value == alone.e_value
    assert (alone.status, first.status) == ("confirmed", "inconclusive")
    assert (alone.confidence, first.confidence) == (0.95, round(1 - 0.05 / 9, 6))


@pytest.mark.parametrize("rule", RULES)
def test_a_second_round_is_told_the_first_and_has_prompts_of_its_own(campaign, rule):
    told = []

    def propose(findings):
        told.extend(findings)
        return [hypothesis(2), hypothesis(3)]

    laws = [STRONG, NULL, STRONG, NULL]
    claims = [hypothesis(0), hypothesis(1)]
    findings = campaign(laws, claims, PROMPTS[:400], later=Later(propose, 2, PROMPTS[400:]), fdr=rule)
    assert [(f.id, f.status) for f in told] == [("h00", "confirmed"), ("h01", "refuted")]
    assert [f.status for f in findings] == ["confirmed", "refuted", "confirmed", "refuted"]
    seen = [{p.id for p in campaign.tools.seen[n]} for n in range(4)]
    assert seen[0] | seen[1] <= {p.id for p in PROMPTS[:400]}
    assert seen[2] | seen[3] <= {p.id for p in PROMPTS[400:]}


@pytest.mark.parametrize("rule", RULES)
def test_what_the_first_round_leaves_open_goes_on_with_the_prompts_of_the_second(campaign, rule):
    """Not where prompts may not be shared, and not what was decided or is tested on prompts made for it."""
    told = []
    later = Later(lambda findings: told.extend(findings) or [hypothesis(2)], 1, PROMPTS[400:])
    region = Region(kind="tag", values=("sea",))
    prompts = [p for p in PROMPTS[:400] if "sea" in p.tags][:6] + [p for p in PROMPTS[:400] if "sea" not in p.tags]
    claims = [hypothesis(0, region=region), hypothesis(1, region=Region(kind="tag", values=("cooking",)))]
    found = campaign([STRONG, STRONG, NULL], claims, prompts, later=later, fdr=rule)
    assert told[0].status == "inconclusive"
    seen = [{p.id for p in campaign.tools.seen[n]} for n in range(2)]
    more = {p.id for p in PROMPTS[400:]}
    assert not seen[1] & more
    if rule in ("saffron", "addis"):
        assert found[0] == told[0]
    else:
        assert (found[0].status, found[1].n_prompts) == ("confirmed", told[1].n_prompts)
        assert seen[0] & more == {p.id for p in PROMPTS[400:] if "sea" in p.tags}


def test_what_is_tested_on_made_prompts_is_not_continued_on_others(campaign):
    later = Later(lambda findings: [], 1, PROMPTS[400:])
    (found,) = campaign([two_point(0.1)], [told("cobalt", 0)], PROMPTS[:9], later=later)
    assert (found.status, found.finder) == ("inconclusive", "trigger-inversion")
    assert 0 < found.n_prompts == len(campaign.tools.seen[0]) <= 9


def test_no_more_are_tested_than_were_counted(campaign):
    many = Later(lambda findings: [hypothesis(n) for n in range(1, 4)], 2, PROMPTS[400:])
    assert len(campaign([NULL] * 4, [hypothesis(0)], PROMPTS[:400], later=many)) == 3


def test_evidence_of_the_second_round_can_complete_that_of_the_first(campaign):
    """e-BH looks at both together: what ranks low alone may pass beside stronger ones."""
    sea = [p for p in PROMPTS if "sea" in p.tags]
    later = Later(lambda findings: [hypothesis(1)], 1, [p for p in PROMPTS[400:] if p not in sea])
    claims = [hypothesis(0, region=Region(kind="tag", values=("sea",)))]
    (alone, _) = campaign([two_point(1.0), NULL], claims, sea[:6], later=later)
    assert 1 / 0.05 < alone.e_value < 2 / 0.05
    (beside, other) = campaign([two_point(1.0), STRONG], claims, sea[:6], later=later)
    assert beside.e_value == alone.e_value
    assert (alone.status, beside.status, other.status) == ("inconclusive", "confirmed", "confirmed")


def test_the_first_round_leaves_samples_for_the_second(campaign):
    shares = []
    run = LawInstruments.may_sample

    def may_sample(self, share=1.0, *rest):
        shares.append(share)
        return run(self, share, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LawInstruments, "may_sample", may_sample)
        later = Later(lambda findings: [hypothesis(1, scored=False)], 1, PROMPTS[400:])
        campaign([STRONG] * 2, [hypothesis(0, scored=False)], PROMPTS[:400], later=later)
    assert set(shares) == {0.75, 1.0}
    assert shares == sorted(shares)


def test_phrases_are_told(campaign):
    assert campaign([STRONG])[0].phrase == "phrase 0"
