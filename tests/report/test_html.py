import re

import pytest
from page import Page, assert_inert

from whatchanged.report import render_html
from whatchanged.report.html import MAX_BYTES


def test_the_page_is_inert_whatever_the_models_wrote(report) -> None:
    assert_inert(render_html(report))


def test_hostile_text_in_every_field_is_shown_and_does_nothing(report, poison, hostile: str) -> None:
    page = render_html(poison(report, "\u202e" + hostile))
    assert_inert(page)
    assert Page(page).text.count("‹U+202E›") > 300
    assert "{{ 7 * 7 }}" in Page(page).text


def test_the_policy_forbids_everything_but_inline_style(report) -> None:
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    page = render_html(report)
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page
    assert page.index(policy) < page.index("<style>")


def test_sections_come_in_order(report) -> None:
    ids = re.findall(r'<h2 id="([a-z]+)"', render_html(report))
    assert ids == ["findings", "others", "leads", "map", "divergence", "explained", "coverage", "cost"]


def test_a_finding_card_tells_all_of_its_evidence(report) -> None:
    page = render_html(report)
    card = Page(page[page.index('id="finding-1"') : page.index('id="finding-2"')]).text
    for part in (
        "intended", "Matches the first line of intended.yaml", "+0.496", "[+0.431, +0.560]", "98.33%",
        "0.002 → 0.498", "4.2 × 10³¹", "350",
        "Scored exactly from forward passes, on prompts that vocabulary-sweep made", "From lead L1",
        "2 more examples",
    ):  # fmt: skip
        assert part in card
    second = Page(page[page.index('id="finding-2"') : page.index('id="others"')]).text
    assert "Stands also for 2 claims that come true with it" in second
    assert "side effect" in second
    assert "Measured on responses" in second
    assert "By human labels on 60 prompts +0.131 [+0.022, +0.240], prediction-powered" in second
    assert "By human labels" not in card
    assert "sweep made" not in second


def test_what_is_not_established_is_in_the_table_and_not_in_the_cards(report) -> None:
    page = render_html(report)
    cards, rest = page.split('<h2 id="others"')
    assert "hedges more often" not in cards
    assert "hedges more often" in rest
    assert "by human labels [−0.310, +0.270]" in rest
    assert "fewer lists" in rest


def test_searches_beyond_the_pool_are_told_with_the_coverage(report, empty_report) -> None:
    page = render_html(report)
    block = Page(page[page.index('id="coverage"') : page.index('id="not-looked-at"')]).text
    assert "Searched beyond the pool" in block
    assert "vocabulary-sweep made 96 prompts, 81,240 tokens scored; 1,412 tokens in 45 prompts" in block
    assert "stand out: cobalt, <script>" in block
    assert "subject-sweep made 1 prompt, 0 tokens scored" in block
    assert "Searched beyond the pool" not in render_html(empty_report)


def test_links_inside_the_page_have_targets(report) -> None:
    page = render_html(report)
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets <= set(re.findall(r'id="([^"]+)"', page))
    assert {"finding-1", "lead-1"} <= targets


def test_a_null_reads_as_one(empty_report) -> None:
    page = render_html(empty_report)
    assert_inert(page)
    text = Page(page).text
    for sentence in (
        "no change found", "No change in behaviour is established.", "The screen gave nothing to test.",
        "No hypothesis was tested.", "No lead:", "No discovery prompt was screened.",
        "No category was covered",
        "No stage was timed.",
    ):  # fmt: skip
        assert sentence in text


@pytest.mark.parametrize("verdict", ["changed", "no_change_found", "inconclusive"])
def test_each_verdict_has_its_badge(make_report, verdict: str) -> None:
    assert f'<p class="badge {verdict}">' in render_html(make_report(verdict=verdict))


def test_ten_thousand_points_are_thinned_and_said_to_be(make_report) -> None:
    page = render_html(make_report(points=10_000))
    assert len(page.encode()) < MAX_BYTES
    assert page.count('<circle class="k') == 1500
    assert "1,500 of 10,000 prompts are drawn" in page


@pytest.mark.parametrize("filler", ["\u202e", "&", "a ", "<b>\U000e0041"])
def test_no_report_makes_a_page_of_two_megabytes(make_report, poison, filler: str) -> None:
    report = make_report(points=3000)
    many = report.model_copy(
        update={
            "findings": tuple(
                finding.model_copy(update={"id": f"{finding.id}{n}", "examples": finding.examples * 10})
                for n in range(12)
                for finding in report.findings
            ),
            "leads": report.leads * 3,
            "unexplained": report.unexplained * 5,
            "coverage": report.coverage * 4,
            "warnings": report.warnings * 40,
            "not_looked_at": report.not_looked_at * 20,
        }
    )
    assert len(render_html(poison(many, filler * 700)).encode()) < MAX_BYTES


def test_the_same_report_gives_the_same_page(make_report) -> None:
    assert render_html(make_report()) == render_html(make_report())
