"""A numbered list to choose claims from, for a model that cannot write the reasoner's form."""

import re
from collections.abc import Collection, Sequence

from whatchanged.predicates import families
from whatchanged.roles.hypotheses import Proposal, both_ways

MOST_CHOSEN = 3
ITEM = re.compile(r"^[\s*#(\[-]*(\d{1,3})\b", re.MULTILINE)
# A line of nothing but numbers.
ROW = re.compile(r"^[\s\d,;.&()\[\]]*\d[\s\d,;.&()\[\]]*$", re.MULTILINE)


def choices(known: Collection[str] = ()) -> list[Proposal]:
    """Every attribute, more and less often, on all prompts; without sentences that are `known`."""
    every = both_ways(families()["attribute"].examples())
    return [choice for choice in every if choice.sentence not in known]


def numbered(offered: Sequence[Proposal]) -> str:
    """One line each, from 1 on."""
    return "\n".join(f"{number}. {choice.sentence}" for number, choice in enumerate(offered, 1))


def chosen(reply: str, offered: Sequence[Proposal]) -> list[Proposal] | None:
    """The first three whose numbers begin a line or stand in a line of numbers; [] for a lone 0, None without any."""
    rows = [int(n) for row in ROW.findall(reply) for n in re.findall(r"\d{1,3}", row)]
    numbers = rows or [int(n) for n in ITEM.findall(reply)]
    valid = list(dict.fromkeys(n for n in numbers if 1 <= n <= len(offered)))
    if not valid:
        return [] if numbers == [0] else None
    return [offered[n - 1] for n in valid[:MOST_CHOSEN]]
