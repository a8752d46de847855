"""Hypotheses to findings, on prompts that discovery never saw."""

from whatchanged.confirm.campaign import confirm
from whatchanged.confirm.measure import Instruments, Rate

__all__ = ["Instruments", "Rate", "confirm"]
