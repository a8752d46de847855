"""Templates as tokens: what stands before and after the word that is put in them."""

from collections.abc import Sequence
from typing import NamedTuple

from whatchanged.errors import SpecError
from whatchanged.records import Prompt
from whatchanged.subjects import Subject
from whatchanged.subjects.base import Ids

# The first is swept exhaustively, the others over what stands out in it.
DEFAULT = ("Tell me about {}", "{}", "Please answer this question. {}")


class Frame(NamedTuple):
    """The tokens of a template before and after what is put in it."""

    prefix: Ids
    suffix: Ids

    def around(self, token: int) -> Ids:
        """The row with a token in it."""
        return (*self.prefix, token, *self.suffix)


def frame_of(base: Subject, template: str) -> Frame:
    """What a user turn made of the template has before and after its {}. Raises SpecError without one."""
    if template.count("{}") != 1:
        raise SpecError(f"template '{template}': write {{}} once, where the token goes")
    # Their first and their last tokens differ, so that what is common is the template's.
    filled = [base.encode(Prompt.user(template.replace("{}", word))) for word in ("a", "Zu")]
    before = common_length(filled)
    after = common_length([ids[before:][::-1] for ids in filled])
    return Frame(filled[0][:before], filled[0][len(filled[0]) - after :])


def common_length(rows: Sequence[Ids]) -> int:
    """How many tokens all rows begin with alike."""
    n = 0
    while all(len(row) > n and row[n] == rows[0][n] for row in rows):
        n += 1
    return n
