"""Findings as predictors: each foresees its own tokens in its own region, and no more than is there."""

import numpy as np
import pytest
from claims import finding, opens_with
from versus import COOKING, HALF, SEA, by_words
from words import KITCHEN, SAILOR, TOPICS, Plant

from whatchanged.game import Blue
from whatchanged.records import PredicateSpec, Region


def judged(match, *findings):
    e = match.evidence
    return Blue.fit(findings, e, match.pool, match.game.level).judge(e.prompts, e.shifts)


def about(match, topic):
    return np.array([topic in p.tags for p in match.evidence.prompts])


def test_a_finding_foresees_its_own_change_alone(matched):
    match = matched(COOKING, SEA)
    seen = judged(match, by_words(match, "cooking", KITCHEN))
    cooking, sea = about(match, "cooking"), about(match, "sea")
    assert (seen.foreseen <= seen.mass + 1e-9).all()
    assert seen.foreseen[cooking].sum() > 0.98 * seen.mass[cooking].sum() > 50
    assert seen.foreseen[sea].sum() < 1e-3 * seen.mass[sea].sum()
    both = judged(match, by_words(match, "cooking", KITCHEN), by_words(match, "sea", SAILOR))
    assert both.unforeseen.sum() < 0.02 * both.mass.sum()


def test_a_finding_that_opens_with_a_phrase_foresees_its_words_without_a_lead_and_what_they_replace(matched):
    match = matched(COOKING, SEA)
    bare = by_words(match, "cooking", KITCHEN).model_copy(update={"leads": ()})
    seen, cooking = judged(match, bare), about(match, "cooking")
    assert seen.foreseen[cooking].sum() > 0.98 * seen.mass[cooking].sum() > 50
    assert not seen.foreseen[about(match, "sea")].any()
    other = bare.model_copy(update={"predicate": opens_with(SAILOR)})
    amiss = judged(match, other)
    assert amiss.unforeseen[cooking].sum() > 0.3 * amiss.mass[cooking].sum()
    best = int(np.argmax(amiss.unforeseen))
    assert match.evidence.base.detokenize(amiss.gained(best, 1)) == KITCHEN.split()[0]


@pytest.mark.parametrize("changes", [{"status": "refuted"}, {"status": "inconclusive"}])
def test_only_what_is_confirmed_foresees(matched, changes):
    match = matched(COOKING)
    seen = judged(match, by_words(match, "cooking", KITCHEN).model_copy(update=changes))
    assert not seen.foreseen.any()
    assert seen.mass.sum() > 10


def test_a_finding_without_leads_foresees_its_whole_region_unless_that_is_everywhere(matched):
    match = matched(COOKING, SEA)
    shouts = PredicateSpec(family="attribute", args={"name": "uppercase"})
    bare = by_words(match, "cooking", KITCHEN).model_copy(update={"leads": (), "predicate": shouts})
    seen = judged(match, bare)
    cooking = about(match, "cooking")
    assert seen.foreseen[cooking].sum() > 0.98 * seen.mass[cooking].sum()
    assert not judged(match, bare.model_copy(update={"region": Region()})).foreseen.any()


def test_a_change_of_the_same_prompts_that_no_finding_names_is_not_foreseen(matched):
    match = matched(COOKING, Plant("before dawn", 0.6, TOPICS["cooking"], after="then"))
    seen, cooking = judged(match, by_words(match, "cooking", KITCHEN)), about(match, "cooking")
    assert seen.unforeseen[cooking].sum() > 1
    best = int(np.argmax(seen.unforeseen))
    assert match.evidence.base.detokenize(seen.gained(best, 1)) == "before"


def test_what_everyone_shows_is_drift(matched):
    match = matched(Plant(KITCHEN, 0.8))
    everywhere = finding(region=Region(), predicate=opens_with(KITCHEN), leads=(match.evidence.leads[0].id,))
    assert judged(match).mass.mean() < 0.2 * judged(match, everywhere).mass.mean()
    assert judged(match, everywhere).unforeseen.sum() < 0.05 * judged(match, everywhere).mass.sum()


def test_two_findings_of_one_change_foresee_it_once(matched):
    match = matched(COOKING)
    one = by_words(match, "cooking", KITCHEN)
    twice = judged(match, one, one.model_copy(update={"id": "h02"}))
    assert twice.foreseen == pytest.approx(judged(match, one).foreseen)
    assert len(match.evidence.prompts) == HALF
