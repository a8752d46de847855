"""Models under audit, by what can be seen of them. `open_subjects` is the way in."""

from whatchanged.subjects.base import (
    Access,
    Context,
    Continue,
    Drawn,
    Ids,
    Rows,
    Said,
    Scored,
    Stepper,
    Subject,
    Top,
    stream,
    stream_key,
)
from whatchanged.subjects.batching import pair_batches, plan
from whatchanged.subjects.recorded import RecordedSubject
from whatchanged.subjects.spec import check_specs, open_subjects, parse

__all__ = [
    "Access", "Context", "Continue", "Drawn", "Ids", "RecordedSubject", "Rows", "Said", "Scored", "Stepper", "Subject",
    "Top", "check_specs", "open_subjects", "pair_batches", "parse", "plan", "stream", "stream_key",
]  # fmt: skip
