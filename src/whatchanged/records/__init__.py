"""The nouns. Each stage takes some of these and leaves others; none of them knows a model."""

from whatchanged.records.attribution import (
    Attribution,
    Carried,
    Carriers,
    DirectionShare,
    GraftCurve,
    GraftPoint,
    GroupShare,
    ModuleShare,
)
from whatchanged.records.base import Record
from whatchanged.records.claims import (
    BASE,
    STRUCTURES,
    WORD,
    Direction,
    Example,
    Finding,
    Hypothesis,
    Intent,
    LabelledEstimate,
    PredicateSpec,
    Region,
    RegionKind,
    Status,
    words_of,
)
from whatchanged.records.cost import Cost, Tokens
from whatchanged.records.evidence import ContextRef, Lead, Shift, TokenShift
from whatchanged.records.text import Message, Pair, Prompt, Response, first_difference

__all__ = [
    "BASE", "STRUCTURES", "WORD", "Attribution", "Carried", "Carriers", "ContextRef", "Cost", "Direction",
    "DirectionShare", "Example", "Finding", "GraftCurve", "GraftPoint", "GroupShare", "Hypothesis", "Intent",
    "LabelledEstimate", "Lead", "Message", "ModuleShare", "Pair", "PredicateSpec", "Prompt", "Record", "Region",
    "RegionKind", "Response", "Shift", "Status", "TokenShift", "Tokens", "first_difference", "words_of",
]  # fmt: skip
