"""Responses: the base's own, coupled candidates, and probabilities that need no response at all."""

from whatchanged.elicit.choose import choose_prompts
from whatchanged.elicit.couple import coupled_pairs, draw_pairs
from whatchanged.elicit.draws import draw_responses
from whatchanged.elicit.independent import Side, answer_cost, independent_pairs, side_cost, text_pair
from whatchanged.elicit.metropolis import Weighed, both_score, couple, metropolis_pairs, weighed_pairs
from whatchanged.elicit.openings import opening_gains, opening_probabilities
from whatchanged.elicit.rare import RareRate, RareSide, rare_rate

__all__ = [
    "RareRate", "RareSide", "Side", "Weighed", "answer_cost", "both_score", "choose_prompts", "couple", "coupled_pairs",
    "draw_pairs", "draw_responses", "independent_pairs", "metropolis_pairs", "opening_gains", "opening_probabilities",
    "rare_rate", "side_cost", "text_pair", "weighed_pairs",
]  # fmt: skip
