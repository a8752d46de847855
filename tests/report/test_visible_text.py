import pytest

from whatchanged.report.text import clip, one_line, strip_controls, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a‹U+202E›b"),
        ("\x1b[31mred", "‹ESC›[31mred"),
        ("\x00\x7f\x9b", "‹NUL›‹DEL›‹U+009B›"),
        ("tag\U000e0041", "tag‹U+E0041›"),
        ("zero\u200bwidth", "zero‹U+200B›width"),
        ("hid\u200dden", "hid‹U+200D›den"),
        ("lone \ud800", "lone ‹U+D800›"),
        ("carriage\rreturn", "carriage‹CR›return"),
    ],
)
def test_what_hides_is_named(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text", ["plain", "two\nlines\tand a tab", "naïve 日本語 مرحبا", "👩\u200d💻", "می\u200cخواهم"]
)
def test_what_does_not_hide_is_left_alone(text: str) -> None:
    assert visible(text) == text


def test_line_endings_of_windows_are_newlines() -> None:
    assert visible("a\r\nb") == "a\nb"


def test_stripping_takes_whole_ansi_sequences() -> None:
    assert strip_controls("\x1b[1;31mred\x1b[0m \x1b]0;title\x07text\u202e\x00") == "red text"


def test_an_unended_sequence_hides_nothing_after_it() -> None:
    assert strip_controls("\x1b]0;kept words") == "]0;kept words"


def test_one_line_collapses_and_cuts() -> None:
    assert one_line("a\n\n  b\tc") == "a b c"
    assert one_line("x" * 300, 10) == "x" * 9 + "…"


def test_clip_keeps_what_fits() -> None:
    assert clip("abc", 3) == "abc"
    assert clip("abcd", 3) == "ab…"
