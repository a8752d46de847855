"""Forward passes only: where do the two models' next words differ, and by which words?"""

from whatchanged.screen.finder import Evidence, Finder
from whatchanged.screen.leads import find_leads
from whatchanged.screen.scan import noise_floor, scan
from whatchanged.screen.shift import change_probability, shifts_of

__all__ = ["Evidence", "Finder", "change_probability", "find_leads", "noise_floor", "scan", "shifts_of"]
