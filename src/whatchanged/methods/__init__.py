"""Ways to find what changed, by name through `registry.methods`: the audit and, beside it, the older systems."""

from whatchanged.methods.base import OPTIONAL, Method

__all__ = ["OPTIONAL", "Method"]
