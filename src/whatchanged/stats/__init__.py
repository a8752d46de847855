"""Pure functions of numbers: tests by betting, two samples, false discoveries, bounds. No model in sight."""

from whatchanged.stats.bets import Mixture, PlugIn, Strategy
from whatchanged.stats.betting import Bet, Side, confidence_sequence, interval, log_e_process
from whatchanged.stats.correct import Calibration, corrected_interval, corrected_log_e, corrected_rate, ppi_interval
from whatchanged.stats.fdr import bh, decide, e_bh, levels, p_from_log_e, threshold
from whatchanged.stats.importance import Estimate, brute_force_count, importance_interval, mixture_weights
from whatchanged.stats.intervals import clopper_pearson_upper, fcr_level, smallest_detectable
from whatchanged.stats.twosample import (
    Bounds,
    TwoSample,
    embedding_kernel,
    logprob_gate,
    mmd_permutation,
    shift_bounds,
    sign_flip,
    string_kernel,
)

__all__ = [
    "Bet", "Bounds", "Calibration", "Estimate", "Mixture", "PlugIn", "Side", "Strategy", "TwoSample", "bh",
    "brute_force_count", "clopper_pearson_upper", "confidence_sequence", "corrected_interval", "corrected_log_e",
    "corrected_rate", "decide", "e_bh", "embedding_kernel", "fcr_level", "importance_interval", "interval", "levels",
    "log_e_process", "logprob_gate", "mixture_weights", "mmd_permutation", "p_from_log_e", "ppi_interval",
    "shift_bounds", "sign_flip", "smallest_detectable", "string_kernel", "threshold",
]  # fmt: skip
