"""A budget for subjects that answer in a dozen words. Apart from them, because it needs no torch."""

from whatchanged.config import Budget

TINY = Budget(
    discovery_prompts=140,
    confirmation_prompts=300,
    response_tokens=10,
    pairs=60,
    factors=4,
    beam_prompts=4,
    beams=6,
    beam_steps=6,
    hypotheses=8,
    confirm_tokens=6000,
    search_tokens=60_000,
)
SMALLER = TINY.model_copy(
    update={"discovery_prompts": 60, "confirmation_prompts": 120, "pairs": 40, "beam_prompts": 2, "beams": 4}
)
