"""Hypotheses to findings, on prompts that discovery never saw."""

from whatchanged.confirm.arms import Arm
from whatchanged.confirm.asked import Asked
from whatchanged.confirm.campaign import Later, confirm, finding_of, joined
from whatchanged.confirm.instruments import Instruments, Pace, Rate
from whatchanged.confirm.measure import Coupled
from whatchanged.confirm.reading import Answers
from whatchanged.confirm.recorded import Recorded
from whatchanged.confirm.validation import validations

__all__ = [
    "Answers", "Arm", "Asked", "Coupled", "Instruments", "Later", "Pace", "Rate", "Recorded", "confirm", "finding_of",
    "joined", "validations",
]  # fmt: skip
