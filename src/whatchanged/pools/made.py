"""New prompts from old ones: a word or phrase put where a user could have written it."""

from typing import Literal

from whatchanged.records import Message, Prompt

Place = Literal["end", "start", "middle"]
PLACES: tuple[Place, ...] = ("end", "start", "middle")


def with_text(prompt: Prompt, text: str, place: Place, source: str = "") -> Prompt:
    """The prompt with `text` in its last message, as words of their own. Its tags are dropped: it is another prompt.

    `source` says who made it.
    """
    *before, last = prompt.messages
    said = Message(role=last.role, content=_joined(last.content, text, place))
    return Prompt(messages=(*before, said), source=source)


def _joined(content: str, text: str, place: Place) -> str:
    if place == "end":
        return f"{content} {text}"
    if place == "start":
        return f"{text} {content}"
    words = content.split(" ")
    middle = (len(words) + 1) // 2
    return " ".join([*words[:middle], text, *words[middle:]])
