"""Language models behind an interface: one seam for the models under audit and for those that help."""

from whatchanged.endpoints.base import Ask, LanguageModel, Position, Reply
from whatchanged.endpoints.inspect import InspectModel, connect
from whatchanged.endpoints.purse import Purse
from whatchanged.endpoints.score import log_probs, reads, scoring_ask
from whatchanged.endpoints.spec import Endpoint, is_endpoint, parse_endpoint
from whatchanged.endpoints.store import ReplyStore

__all__ = [
    "Ask", "Endpoint", "InspectModel", "LanguageModel", "Position", "Purse", "Reply", "ReplyStore", "connect",
    "is_endpoint", "log_probs", "parse_endpoint", "reads", "scoring_ask",
]  # fmt: skip
