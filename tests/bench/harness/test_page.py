"""The page, the curves and the Markdown: they show the rows, and nothing that a model wrote acts."""

import pytest
from benched import finder_row, finding_row, scored
from page import Page, assert_inert

from whatchanged.bench.harness.curves import curve_plot
from whatchanged.bench.harness.page import render_bench
from whatchanged.bench.harness.rows import BenchResult, Machine, Point, Setting
from whatchanged.bench.harness.store import parquet
from whatchanged.bench.harness.summarise import by_setting, curve, equal_recall, extrapolate, finder_totals, method_row
from whatchanged.bench.harness.table import HEADINGS, markdown

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e{{ 7 * 7 }}"


def result(rows, findings=(), **changes):
    """As `run_bench` puts it together."""
    values = {
        "whatchanged": "0", "commit": "abc", "command": "whatchanged bench", "remeasure": 2000,
        "machine": Machine(cpu="two cores", cores=2, memory_bytes=2**33, python="3.12", torch="2.0"),
        "methods": [method_row(setting, some) for setting, some in by_setting(rows).items()],
        "equal_recall": equal_recall(rows, "audit"), "extrapolated": extrapolate(rows), "curve": curve(rows),
        "finder_totals": finder_totals(rows),
        "audits": [s.audit for s in rows], "behaviours": [b for s in rows for b in s.behaviours], "findings": findings,
    }  # fmt: skip
    return BenchResult.model_validate(values | changes)


ROWS = [
    scored(organism="strong"),
    scored(organism="weak", rises=(0.1,), found=(False,), confirmed=0, true=0),
    scored(organism="null-a", rises=(), found=(), confirmed=2, true=1),
    scored("auto-interventions", "strong", texts=4000, tokens=100_000, seconds=1000),
]


def test_every_part_is_on_the_page():
    page = render_bench(
        result(ROWS, [finding_row(), finding_row(true=False, sentence="Says more.")], missing=("x: why",))
    )
    assert_inert(page)
    text = Page(page).text
    for words in ("auto-interventions", "strong-0", "+0.800", "weak", "2 confirmed, 1 true", "Left out: x: why",
                  "100 times the decoded tokens", "extrapolated, not measured", "5,000,000 decoded"):  # fmt: skip
        assert words in text, words
    assert text.index("Says more.") < text.index("Says sorry."), "what is not true comes first"
    assert page.count("<circle") == 4


def test_what_finders_cost_and_found_is_on_the_page_and_in_the_tables():
    rows = [scored().model_copy(update={"finders": (finder_row(finder=HOSTILE), finder_row(tokens=0))})]
    page = render_bench(result(rows))
    assert_inert(page)
    assert "wordsaudit-small123008.0–1of11" in "".join(Page(page).text.split())
    assert "| words | audit-small | 1 | 2 | 30 | 0 | 8.0 | – | 1 of 1 | 1 |" in markdown(result(rows))


def test_an_empty_bench_has_a_page():
    page = render_bench(result([]))
    assert_inert(page)
    for words in ("Nothing was planted.", "No null was audited.", "Nothing was confirmed.", "No plant was audited"):
        assert words in page


def test_what_a_model_wrote_is_inert():
    hostile = {name: HOSTILE for name in ("sentence", "organism", "behaviour")}
    rows = [scored(organism=HOSTILE), scored(organism="two", refused=HOSTILE, rises=(), found=())]
    whole = result(rows, [finding_row(**hostile)], missing=(HOSTILE,), command=HOSTILE)
    assert_inert(render_bench(whole))
    assert "49" not in Page(render_bench(whole)).text.replace("0.749", "")
    assert parquet(type(whole.findings[0]), [finding_row(sentence="half \ud83d")])


def test_the_tables_for_a_readme():
    text = markdown(result(ROWS, missing=("x: why",)))
    head, rule, ours, theirs = text.splitlines()[:4]
    assert head == f"| {' | '.join(HEADINGS)} |"
    assert rule.startswith("| --- | --- | ---: |")
    assert ours.startswith("| audit | small |  | 1 of 1 | 1 of 2 | 2 of 3 | 17% | 0 of 1 | ")
    assert theirs.startswith("| auto-interventions | small | 4,000 | 1 of 1 | 1 of 1 | ")
    assert (
        "- auto-interventions with 4,000 texts a model beside audit-small, on strong: recall 100% beside 100%" in text
    )
    assert "- extrapolated, not measured: auto-interventions at 200,000 texts a model" in text
    assert "- left out: x: why" in text
    assert "`whatchanged bench`; commit `abc`; two cores, 2 cores, 8.0 GiB, torch 2.0" in text


def test_a_bound_is_called_one():
    rows = [scored(), scored("auto-interventions", texts=250, tokens=50_000), scored(organism="two")]
    rows.append(scored("auto-interventions", "two", texts=250, tokens=50_000, found=(False,)))
    assert "more than 50 times the decoded tokens" in markdown(result(rows))


def point(method, recall, tokens, texts=None):
    setting = Setting(method=method, texts=texts)
    return Point(setting=setting, recall=recall, decoded_tokens=tokens, scored_tokens=0, seconds=tokens / 100)


def test_curves_go_up_with_recall_and_right_with_the_logarithm_of_the_cost():
    points = [point("audit", 1.0, 0), point("b", 0.5, 1000, 40), point("b", 1.0, 100_000, 400)]
    plot = curve_plot(points, "decoded_tokens")
    ours, other = plot.lines
    assert [(mark.x, mark.y) for mark in other.marks] == [(8.0, 112.0), (96.0, 22.0)]
    assert [mark.label for mark in other.marks] == ["40", "400"]
    assert (ours.marks[0].x, ours.marks[0].y) == (8.0, 22.0), "what cost nothing stands at the left end"
    assert plot.across == [(8.0, "1,000"), (52.0, "10,000"), (96.0, "100,000")]
    assert curve_plot(points, "scored_tokens") is None
    assert curve_plot([], "seconds") is None


@pytest.mark.parametrize("tokens", [7, 10, 123_456])
def test_a_single_point_has_an_axis(tokens):
    (line,) = curve_plot([point("audit", 0.0, tokens)], "decoded_tokens").lines
    assert 8 <= line.marks[0].x <= 96
