"""Prompt pools: read them, combine them, and divide them once into discovery and confirmation."""

from whatchanged.pools.builtin import load_builtin
from whatchanged.pools.load import load_pools
from whatchanged.pools.split import HELD_BACK, Split, hold_back, left_over, normalise, split

__all__ = ["HELD_BACK", "Split", "hold_back", "left_over", "load_builtin", "load_pools", "normalise", "split"]
