"""Model text as HTML: unseen characters as labelled chips, white space in tokens, differences marked."""

import re
from difflib import SequenceMatcher
from functools import cache
from typing import TYPE_CHECKING, Literal

from whatchanged.report.text import clip, label, long_name, split_unseen, visible

if TYPE_CHECKING:
    from markupsafe import Markup

# Scripts written without spaces are compared character by character.
_UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
# After so many, plain labels: a text of nothing but control characters must not swell the page.
_MOST_CHIPS = 40
_WORD = re.compile(rf"[{_UNSPACED}]\s*|[^\s{_UNSPACED}]+\s*|\s+")


@cache
def _markup() -> "type[Markup]":
    from markupsafe import Markup  # comes with jinja2; imported late, so that reading a report stays cheap

    return Markup


def finalize(value: object) -> object:
    """Jinja's last step before escaping: every plain string becomes visible, wherever a template puts it."""
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def chips(text: str) -> "Markup":
    """Escaped text in which each unseen character is a small labelled box with its Unicode name."""
    markup = _markup()
    parts = []
    for index, piece in enumerate(split_unseen(text)):
        if index > 2 * _MOST_CHIPS:
            parts.append(markup.escape(visible(piece)))
        elif index % 2:
            box = '<span class="chip" title="{}">‹{}›</span>'
            parts.append(markup(box).format(long_name(piece), label(piece)))
        else:
            parts.append(markup.escape(piece))
    return markup("").join(parts)


def token(text: str) -> "Markup":
    """A token with its white space shown: ' Sure' and 'Sure' are not the same token."""
    markup = _markup()
    shown = str(chips(clip(text, 40))) if text else '<span class="blank">empty</span>'
    head = '<span class="blank">{}</span>'
    for space, mark in (("\n", "↵"), ("\t", "⇥")):
        shown = shown.replace(space, head.format(mark))
    # Only spaces outside tags: chips carry attributes.
    shown = "".join(
        piece if piece.startswith("<") else piece.replace(" ", head.format("␣"))
        for piece in re.split(r"(<[^>]*>)", shown)
    )
    return markup(shown)


def differing(base: str, candidate: str, limit: int) -> "tuple[Markup, Markup]":
    """Both texts, cut to `limit` characters, with the words that only one of them has in <del> and <ins>."""
    ours, theirs = _WORD.findall(clip(base, limit)), _WORD.findall(clip(candidate, limit))
    matcher = SequenceMatcher(None, [w.strip() for w in ours], [w.strip() for w in theirs], autojunk=False)
    left, right = _markup()(""), _markup()("")
    for kind, a, b, c, d in matcher.get_opcodes():
        left += _marked(ours[a:b], "del", kind != "equal")
        right += _marked(theirs[c:d], "ins", kind != "equal")
    return left, right


def _marked(words: list[str], tag: Literal["del", "ins"], marked: bool) -> "Markup":
    text = "".join(words)
    if not marked or not text.strip():
        return chips(text)
    markup = _markup()
    body = text.rstrip()  # trailing space stays outside the mark
    return markup(f"<{tag}>") + chips(body) + markup(f"</{tag}>") + chips(text[len(body) :])
