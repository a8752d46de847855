"""Which of the screened prompts were there before any finder made some."""

from whatchanged import registry
from whatchanged.search.finder import Evidence


def from_pool(evidence: Evidence) -> list[int]:
    """Indices of the pool's own prompts; what finders made bears a finder's name."""
    return [i for i, p in enumerate(evidence.prompts) if p.source not in registry.finders]
