"""Text that a model or a stranger wrote, made harmless: no unseen character survives.

Control characters, bidirectional overrides and zero-width characters can hide a payload from a reader or
drive a terminal. Pages show them by name; terminals and XML, which have no safe way to, drop them.
"""

import re
import unicodedata

# Every character that a reader cannot see and that is not plain white space. Zero-width joiners between
# letters outside ASCII stay: Persian and emoji need them. Between ASCII letters they only hide something.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    "|[\u200c\u200d](?![^\x00-\x7f])|(?<![^\x00-\x7f])[\u200c\u200d]"
)
_ANSI = re.compile(
    "\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)"  # operating system command, e.g. a window title
    "|(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"  # control sequence, e.g. a colour
    "|\x1b[@-Z\\\\^_]"
)
_C0_NAMES = (
    "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "TAB", "LF", "VT", "FF", "CR", "SO", "SI",
    "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US",
)  # fmt: skip


def label(character: str) -> str:
    """The name by which an unseen character is shown: 'ESC', 'DEL' or 'U+202E'."""
    code = ord(character)
    if code < 0x20:
        return _C0_NAMES[code]
    return "DEL" if code == 0x7F else f"U+{code:04X}"


def long_name(character: str) -> str:
    """The Unicode name in small letters, or the label where there is none (control characters)."""
    return unicodedata.name(character, label(character)).lower()


def split_unseen(text: str) -> list[str]:
    """The text in pieces; every second piece, from index 1 on, is one unseen character."""
    pieces: list[str] = []
    end = 0
    text = text.replace("\r\n", "\n")
    for match in _UNSEEN.finditer(text):
        pieces += [text[end : match.start()], match.group()]
        end = match.end()
    return [*pieces, text[end:]]


def visible(text: str) -> str:
    """The text with every unseen character replaced by its label in angle quotes: 'a‹U+202E›b'."""
    pieces = split_unseen(text)
    return "".join(f"‹{label(piece)}›" if i % 2 else piece for i, piece in enumerate(pieces))


def strip_controls(text: str) -> str:
    """The text without ANSI sequences and unseen characters; newlines and tabs stay."""
    return "".join(split_unseen(_ANSI.sub("", text))[::2])


def one_line(text: str, limit: int = 200) -> str:
    """Stripped of controls, white space collapsed, cut to `limit` characters."""
    return clip(" ".join(strip_controls(text).split()), limit)


def clip(text: str, limit: int) -> str:
    """At most `limit` characters; a cut is marked by an ellipsis."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + "…"
