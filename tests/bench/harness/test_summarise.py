"""What rows add up to, from rows made by hand."""

import pytest
from benched import finder_row, scored

from whatchanged.bench.harness.rows import Setting
from whatchanged.bench.harness.summarise import curve, equal_recall, extrapolate, finder_totals, method_row

AUDIT = Setting(method="audit")
SAMPLES = "auto-interventions"


def row(*rows):
    return method_row(AUDIT, rows)


def test_recall_counts_behaviours_and_strong_ones_apart():
    found = row(scored(rises=(0.8, 0.1), found=(True, False)), scored(organism="two", rises=(-0.3,), found=(False,)))
    assert (found.planted, found.found, found.strong, found.strong_found) == (3, 1, 2, 1)


def test_nulls_and_plants_that_nobody_said_anything_about():
    found = row(
        scored(rises=(), found=(), confirmed=0, true=0),
        scored(organism="two", rises=(), found=(), confirmed=3, true=1),
        scored(organism="three", found=(False,), confirmed=0, true=0),
        scored(organism="four"),
    )
    assert (found.nulls, found.nulls_silent, found.nulls_confirmed, found.nulls_false) == (2, 1, 3, 2)
    assert (found.plants, found.plants_silent) == (2, 1)


def test_the_false_discovery_rate_is_a_mean_over_audits():
    """One false finding in one audit, nine true ones in another: one of ten is false, and the mean share is half."""
    found = row(scored(confirmed=1, true=0), scored(organism="two", confirmed=9, true=9))
    assert (found.true, found.measured, found.fdr) == (9, 10, 0.5)
    silent = row(scored(confirmed=0, true=0), scored(organism="two", confirmed=1, true=0))
    assert silent.fdr == 0.5


def test_finders_add_up_over_audits_and_who_found_most_comes_first():
    one = scored().model_copy(update={"finders": (finder_row(finder="idle", found=0, mass=90.0), finder_row())})
    two = scored(organism="two").model_copy(update={"finders": (finder_row(organism="two", tokens=1000, found=0),)})
    first, second = finder_totals([one, two])
    assert (first.finder, first.audits, first.calls, first.tokens, first.found) == ("words", 2, 4, 5000, 1)
    assert (second.finder, second.audits, second.mass) == ("idle", 1, 90.0)


def test_costs_are_means():
    found = row(scored(tokens=1000, seconds=10), scored(organism="two", tokens=3000, seconds=30))
    assert (found.decoded_tokens, found.scored_tokens, found.seconds) == (2000, 4000, 20)


def test_an_audit_that_was_refused_is_told_and_counts_for_nothing():
    found = row(scored(), scored(organism="two", refused="no weights", found=(), rises=()))
    assert (found.audits, found.refused, found.planted) == (1, 1, 1)


def ladder(**recalls: tuple[bool, ...]):
    """auto-interventions at several numbers of texts, on as many organisms as there are marks; 10 tokens a text."""
    return [
        scored(
            SAMPLES,
            f"o{i}",
            texts=int(texts[1:]),
            found=(yes,),
            tokens=10 * int(texts[1:]),
            seconds=int(texts[1:]) / 10,
        )
        for texts, marks in recalls.items()
        for i, yes in enumerate(marks)
    ]


def ours(*marks: bool, tokens: int = 100):
    return [scored("audit", f"o{i}", found=(yes,), tokens=tokens, seconds=5.0) for i, yes in enumerate(marks)]


def test_cost_at_equal_recall_takes_the_cheapest_setting_that_finds_as_much():
    found, one, two = equal_recall(
        [*ours(True, True), *ladder(n250=(True, False), n500=(True, True), n1000=(True, True))], "audit"
    )
    assert (found.texts, found.recall, found.reached) == (500, 1.0, True)
    assert found.decoded_ratio == pytest.approx(50)
    assert found.seconds_ratio == pytest.approx(10)
    assert found.organisms == ("o0", "o1")
    assert [(row.organisms, row.texts) for row in (one, two)] == [(("o0",), 250), (("o1",), 500)]


def test_the_reference_too_is_taken_at_its_cheapest_that_finds_the_most():
    limited = [
        scored("audit", f"o{i}", found=(yes,), tokens=20, max_decoded_tokens=20) for i, yes in enumerate((True, False))
    ]
    found, one, two = equal_recall([*ours(True, True), *limited, *ladder(n250=(True, True))], "audit")
    assert (found.reference, one.reference, two.reference) == ("audit-small", "audit-small-max20", "audit-small")
    assert (found.decoded_ratio, one.decoded_ratio) == (25, 125)


def test_where_it_never_finds_as_much_the_dearest_gives_the_bound():
    found, one, two = equal_recall(
        [*ours(True, True), *ladder(n250=(False, False), n500=(True, False), n1000=(False, False))], "audit"
    )
    assert (found.texts, found.recall, found.reference_recall, found.reached) == (1000, 0.5, 1.0, False)
    assert found.decoded_ratio == pytest.approx(100)
    assert [(row.texts, row.recall, row.reached) for row in (one, two)] == [(500, 1.0, True), (1000, 0.0, False)]


def test_only_organisms_that_both_were_run_on_count():
    (found,) = equal_recall([*ours(True, False, False), *ladder(n250=(True,))], "audit")
    assert (found.recall, found.reference_recall, found.organisms) == (1.0, 1.0, ("o0",))


def test_no_ratio_where_the_reference_finds_nothing():
    assert equal_recall([*ours(False, False), *ladder(n250=(True, True))], "audit") == []


def test_nothing_decoded_gives_no_ratio():
    (found,) = equal_recall([*ours(True, tokens=0), *ladder(n250=(True,))], "audit")
    assert found.decoded_ratio is None


def test_extrapolation_is_in_proportion_to_the_largest_setting():
    (far,) = extrapolate([*ours(True), *ladder(n250=(True,), n4000=(True,))])
    assert (far.method, far.measured_texts, far.texts) == (SAMPLES, 4000, 200_000)
    assert (far.decoded_tokens, far.seconds) == (2_000_000, 20_000)


def test_the_curve_is_of_places_where_every_setting_was_run():
    points = curve([*ours(True, False), *ladder(n250=(False,), n500=(True,))])
    assert [(p.setting.name, p.recall, p.decoded_tokens) for p in points] == [
        ("audit-small", 1.0, 100), (f"{SAMPLES}-small-250", 0.0, 2500), (f"{SAMPLES}-small-500", 1.0, 5000),
    ]  # fmt: skip
    assert curve([scored("audit", "o0"), scored(SAMPLES, "o1", texts=250)]) == []
