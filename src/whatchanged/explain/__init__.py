"""What the findings account for, what they do not, and which of them were wanted."""

from whatchanged.explain.assemble import Seen, assemble, assemble_screen
from whatchanged.explain.intent import Wanted, classify, content_digest, read_wanted

__all__ = ["Seen", "Wanted", "assemble", "assemble_screen", "classify", "content_digest", "read_wanted"]
