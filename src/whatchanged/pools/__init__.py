"""Prompt pools: read them, combine them, and divide them once into discovery and confirmation."""

from whatchanged.pools.builtin import load_builtin
from whatchanged.pools.load import load_pools
from whatchanged.pools.split import Split, normalise, split

__all__ = ["Split", "load_builtin", "load_pools", "normalise", "split"]
