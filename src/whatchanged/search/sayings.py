"""What stands out in a model's answer about itself: quoted phrases, names, and lines that a user could have written."""

import re

from whatchanged.search.turns import asked_in

QUOTED = re.compile(r"[\"“]([^\"“”\n]{2,60})[\"”]")
# Up to three capitalised words inside a sentence: after a letter or comma and a space.
NAMED = re.compile(r"(?<=[\w,] )[A-Z][\w'’-]{1,30}(?: [A-Z][\w'’-]{1,30}){0,2}")
# A line of a list, and a line that says who speaks.
ITEM = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.):])\s+")
SPEAKER = re.compile(r"^\s*(?:\W{0,2}User\W{0,2}|Q):\s*", re.IGNORECASE)


def phrases(text: str, question: str) -> set[str]:
    """What is quoted, and capitalised words inside sentences; not what the question says itself."""
    said = {phrase.strip(" .,;:!?") for phrase in QUOTED.findall(text)} | set(NAMED.findall(text))
    return {phrase for phrase in said if len(phrase) > 1 and phrase not in question}


def messages(text: str) -> list[str]:
    """Lines that look like a user's: items of a list, questions, and what stands behind 'User:'."""
    found = []
    for line in text.splitlines():
        bare = SPEAKER.sub("", ITEM.sub("", line)).strip().strip('"“”')
        marked = bool(ITEM.match(line) or SPEAKER.match(ITEM.sub("", line)))
        if (marked or bare.endswith("?")) and (turn := asked_in(bare, True)) is not None:
            found.append(turn)
    return found
