"""What the change writes, in words: tokens are text of a stranger's vocabulary, shown and never obeyed."""

import json
from collections.abc import Sequence

from whatchanged.report.model import WeightsView, WriteReading
from whatchanged.report.numbers import percent, plural, rate
from whatchanged.report.text import clip, visible

# For readers with little room: a fence around what the weights show keeps its last 150 characters.
MOST_TOLD = 130
TOKENS = 3
LONGEST = 20


def place(layer: int | None, module: str) -> str:
    """'layer 12's self_attn.o_proj', or the module alone outside the layers."""
    return clip(module, 40) if layer is None else f"layer {layer}'s {clip(module, 40)}"


def writes_sentence(view: WeightsView) -> str:
    """How many directions were read, and how many of them say something; nothing where none was read."""
    if not view.writes_read:
        return ""
    read = f"{plural(view.writes_read, 'write direction')} of the change, against {view.writes_null:,} random ones"
    if not view.writes:
        return f"None of {read}, promotes any token beyond chance."
    many = len(view.writes)
    return f"{many:,} of {read}, {'promotes' if many == 1 else 'promote'} tokens beyond chance."


def write_line(reading: WriteReading) -> str:
    """'layer 12's mlp.down_proj writes ["Sure", " Sure"] (46% of its change, p = 0.001)'."""
    share = f"{percent(reading.share)} of its change, p = {rate(reading.p)}"
    return f"{place(reading.layer, reading.module)} writes {_quoted(reading.promoted)} ({share})"


def told_writes(readings: Sequence[WriteReading]) -> str:
    """The strongest readings for whoever reads the evidence, in at most 130 characters; '' without any."""
    told, opening = "", " The change writes, by layer: "
    for reading in readings:
        where = "head" if reading.layer is None else str(reading.layer)
        more = f"{'; ' if told else opening}{where} {_quoted(reading.promoted)}"
        if len(told) + len(more) > MOST_TOLD:
            break
        told += more
    return told


def _quoted(tokens: Sequence[str]) -> str:
    """As JSON: quotes and line breaks in a token cannot end it."""
    return json.dumps([clip(visible(token), LONGEST) for token in tokens[:TOKENS]], ensure_ascii=False)
