"""Finders go looking for prompts on which the models differ and which no pool holds."""

from whatchanged.search.author import Author, Authored
from whatchanged.search.finder import Evidence, Finder, Proposed
from whatchanged.search.fresh import fresh_prompts, unasked
from whatchanged.search.frombase import ENOUGH, FromBase, written
from whatchanged.search.library import check_library
from whatchanged.search.search import Sought, chosen, search, together

__all__ = [
    "ENOUGH", "Author", "Authored", "Evidence", "Finder", "FromBase", "Proposed", "Sought", "check_library", "chosen",
    "fresh_prompts", "search", "together", "unasked", "written",
]  # fmt: skip
