"""Pure functions of numbers: tests by betting, false discoveries, bounds. No model in sight."""

from whatchanged.stats.bets import Mixture, PlugIn, Strategy
from whatchanged.stats.betting import Bet, Side, confidence_sequence, interval, log_e_process
from whatchanged.stats.fdr import decide, e_bh, levels, p_from_log_e, threshold
from whatchanged.stats.intervals import clopper_pearson_upper, fcr_level, smallest_detectable

__all__ = [
    "Bet", "Mixture", "PlugIn", "Side", "Strategy", "clopper_pearson_upper", "confidence_sequence", "decide",
    "e_bh", "fcr_level", "interval", "levels", "log_e_process", "p_from_log_e", "smallest_detectable",
    "threshold",
]  # fmt: skip
