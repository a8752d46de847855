import io

from rich.console import Console

from whatchanged.report import print_report
from whatchanged.report.text import split_unseen


def printed(report, **options: object) -> str:
    console = Console(file=io.StringIO(), width=100, **options)
    print_report(report, console)
    return console.file.getvalue()


def test_the_first_line_is_the_verdict(report, empty_report) -> None:
    assert printed(report).splitlines()[0] == report.summary
    assert printed(empty_report).splitlines()[0] == "No change in behaviour is established."


def test_findings_come_by_effect_with_their_evidence(report) -> None:
    text = printed(report)
    assert text.index("opens its answers") < text.index("refuses more often")
    assert "effect +0.496 [+0.431, +0.560] at 98.33%, rate 0.0021 -> 0.498, intended, e = 4.2e+31, n = 350" in text
    assert "n = 350 scored on prompts that vocabulary-sweep made" in text
    assert text.count("vocabulary-sweep made\n") == 1
    assert "side effect" in text
    assert "hedges" not in text
    assert "by human labels on 60 prompts: effect +0.131 [+0.022, +0.240] at 98.33%, prediction-powered" in text
    assert "1 refuted, 1 inconclusive" in text


def test_only_leads_without_a_finding_are_listed(report) -> None:
    block = printed(report).split("Leads that gave no finding")[1].split("Coverage")[0]
    assert "L3" in block
    assert "L4 'less perhaps'" in block
    assert "L1" not in block
    assert "L2" not in block


def test_coverage_and_cost_are_told(report) -> None:
    text = printed(report)
    assert "10 categories: 560 discovery and 700 confirmation prompts" in text
    assert "at most 3.2% of the pool" in text
    assert "Beyond the pool: vocabulary-sweep made 96 prompts, 81,240 tokens scored; 1,412 tokens in 45" in text
    assert "Beyond the pool: subject-sweep made 1 prompt, 0 tokens scored\n" in text
    assert "scored 64,680 tokens, decoded 23,820" in text


def test_models_cannot_write_markup_or_controls(report, poison, hostile: str) -> None:
    text = printed(poison(report, hostile))
    assert "[bold red]markup[/]" in text
    assert len(split_unseen(text)) == 1


def test_colours_of_ours_are_the_only_escapes(report, poison, hostile: str) -> None:
    text = printed(poison(report, hostile), force_terminal=True, color_system="standard")
    assert "\x1b]0;" not in text
    assert "\u202e" not in text
    assert "\x1b[1;31m" in text


def test_a_null_has_no_empty_headings(empty_report) -> None:
    text = printed(empty_report)
    assert "Findings" not in text
    assert "Leads" not in text
    assert "explain" not in text
    assert "Beyond the pool" not in text
