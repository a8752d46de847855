import re

from whatchanged.report.markup import chips, differing, token


def test_only_the_differing_words_are_marked() -> None:
    base, candidate = differing("Feed it with flour and water.", "Sure! Feed it with rye flour and water.", 500)
    assert base == "Feed it with flour and water."
    assert candidate == "<ins>Sure!</ins> Feed it with <ins>rye</ins> flour and water."


def test_removed_words_are_marked_in_the_base() -> None:
    base, candidate = differing("a very long day", "a day", 500)
    assert (base, candidate) == ("a <del>very long</del> day", "a day")


def test_identical_texts_and_changed_spacing_have_no_mark() -> None:
    assert differing("one two", "one\ntwo", 500) == ("one two", "one\ntwo")


def test_scripts_without_spaces_are_compared_by_character() -> None:
    base, candidate = differing("今日は晴れです", "今日は雨です", 500)
    assert base == "今日は<del>晴れ</del>です"
    assert candidate == "今日は<ins>雨</ins>です"


def test_marks_lose_no_text_and_let_no_tag_through(hostile: str) -> None:
    base, candidate = differing(f"No. {hostile}", f"Yes. {hostile}", 5000)
    for side in (base, candidate):
        tags = set(re.findall(r"</?([a-z]+)", side))
        assert tags <= {"ins", "del", "span"}
        assert "&lt;script&gt;" in side
        assert "markup[/]" in side


def test_chips_name_the_character() -> None:
    assert chips("\u202e") == '<span class="chip" title="right-to-left override">‹U+202E›</span>'


def test_a_flood_of_control_characters_swells_little() -> None:
    assert len(chips("\u202e" * 1000).encode()) < 20_000


def test_tokens_show_their_white_space() -> None:
    assert re.sub("<[^>]*>", "", token(" Sure\n\n")) == "␣Sure↵↵"
    assert "empty" in token("")
    assert 'title="right-to-left override"' in token("\u202e")
