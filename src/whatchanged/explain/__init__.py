"""What the findings account for, what they do not, and which of them were wanted."""

from whatchanged.explain.assemble import Seen, assemble, assemble_screen
from whatchanged.explain.carried import carried_by
from whatchanged.explain.heard import assemble_heard
from whatchanged.explain.intent import Wanted, classify, content_digest, read_wanted
from whatchanged.explain.remember import remember
from whatchanged.explain.weights import weights_view

__all__ = [
    "Seen", "Wanted", "assemble", "assemble_heard", "assemble_screen", "carried_by", "classify", "content_digest",
    "read_wanted", "remember", "weights_view",
]  # fmt: skip
