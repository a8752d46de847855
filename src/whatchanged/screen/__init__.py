"""Forward passes only: where do the two models' next words differ, and by which words?"""

from whatchanged.screen.heard import Heard
from whatchanged.screen.leads import find_leads, merge
from whatchanged.screen.lens import Evidence, Lens
from whatchanged.screen.listen import listen
from whatchanged.screen.scan import noise_floor, scan
from whatchanged.screen.shift import change_probability, opening_shift, shifts_of

__all__ = [
    "Evidence", "Heard", "Lens", "change_probability", "find_leads", "listen", "merge", "noise_floor",
    "opening_shift", "scan", "shifts_of",
]  # fmt: skip
