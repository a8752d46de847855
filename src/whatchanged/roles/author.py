"""The reasoner as an author of prompts: it writes user messages for the search, and decides nothing about them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from whatchanged.endpoints import Ask, LanguageModel
from whatchanged.records import Lead, Message
from whatchanged.roles.evidence import MAX_LEADS, fitting, lead_row
from whatchanged.roles.reasoner import usage
from whatchanged.roles.text import MAX_REPLY, PromptText, fence, load_prompt, salvage_json, shorten, visible
from whatchanged.search import Authored

MAX_ROWS = 4000
# Characters of a message that is shown, and of one that is taken.
MAX_SHOWN, MAX_TAKEN = 300, 400
# What may stand before a message in a list: a number, a bullet.
MARK = re.compile(r"^(?:[-*•]|\d{1,3}[.):])\s+")
# Lines that are no message: fences of code, headings, and what introduces others.
NO_MESSAGE = re.compile(r"^(?:```|#)|[:：]$")
# A list of texts that was cut off, and the whole texts in it.
OPENED = re.compile(r"\[\s*(?=\")")
TEXT = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"")


@dataclass(frozen=True)
class ReasonerAuthor:
    """`search.Author` by a language model; `seed` goes to providers that take one."""

    model: LanguageModel
    seed: int

    def differing(self, leads: Sequence[Lead], most: int) -> Authored:
        """At most `most` messages on which it expects the models to differ, told the leads' words."""
        rows = fitting([lead_row(lead) for lead in leads[:MAX_LEADS]], MAX_ROWS)
        prompt = load_prompt("differ")
        return self._ask(prompt, prompt.render(leads=fence("\n".join(rows), "LEADS", MAX_ROWS), most=most), most, 0)

    def rewritten(self, texts: Sequence[str], draw: int) -> Authored:
        """At most one other wording of each of these messages."""
        rows = [json.dumps(shorten(visible(text), MAX_SHOWN), ensure_ascii=False) for text in texts]
        prompt = load_prompt("rewrite")
        told = prompt.render(messages=fence("\n".join(rows), "MESSAGES", MAX_ROWS), count=len(texts))
        return self._ask(prompt, told, len(texts), draw)

    def _ask(self, prompt: PromptText, told: str, most: int, draw: int) -> Authored:
        reply = self.model.ask(
            [
                Ask(
                    messages=(Message(role="user", content=told),),
                    max_tokens=prompt.max_tokens,
                    temperature=prompt.temperature,
                    draw=draw,
                    seed=self.seed,
                )
            ]
        )[0]
        if reply is None:
            return Authored([], 0, usage([reply]))
        texts, dropped = read_messages(reply.text)
        return Authored(texts[:most], dropped, usage([reply]))


def read_messages(reply: str) -> tuple[list[str], int]:
    """The messages in a reply, each on one line and each once, and how many entries or lines were none.

    They are the texts of its lists in JSON, of one that was cut off too; in a reply without a list, its lines.
    """
    found = [_message(entry) for entry in _entries(reply[-MAX_REPLY:])]
    texts = [text for text in found if text is not None]
    return list(dict.fromkeys(texts)), len(found) - len(texts)


def _entries(reply: str) -> list[object]:
    values = salvage_json(reply)
    inner = [item for v in values for item in (v.values() if isinstance(v, dict) else [v])]
    if values:
        return [entry for item in inner for entry in (item if isinstance(item, list) else [item])]
    if (opened := OPENED.search(reply)) is not None:
        return [_parsed(text) for text in TEXT.findall(reply, opened.end())]
    return [_line(line) for line in reply.splitlines() if line.strip()]


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _line(line: str) -> str | None:
    text = MARK.sub("", line.strip()).strip("\"'“” ,")
    return None if NO_MESSAGE.search(text) else text


def _message(entry: object) -> str | None:
    """A text with words in it, on one line; None for anything else."""
    if isinstance(entry, dict) and len(entry) == 1:
        (entry,) = entry.values()
    text = " ".join(visible(entry).split()) if isinstance(entry, str) else ""
    return text if len(text) <= MAX_TAKEN and any(map(str.isalpha, text)) else None
