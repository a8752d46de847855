"""Finders go looking for prompts on which the models differ and which no pool holds."""

from whatchanged.search.finder import Evidence, Finder, Proposed
from whatchanged.search.fresh import fresh_prompts
from whatchanged.search.search import Sought, chosen, search, together

__all__ = ["Evidence", "Finder", "Proposed", "Sought", "chosen", "fresh_prompts", "search", "together"]
