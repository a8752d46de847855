"""Executable functions of a response: what a hypothesis says a model does more or less often."""

from whatchanged.predicates.base import Predicate, checked, quoted
from whatchanged.predicates.loading import families, load

__all__ = ["Predicate", "checked", "families", "load", "quoted"]
