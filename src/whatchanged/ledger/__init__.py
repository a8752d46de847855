"""The run directory and the cache beside it."""

from whatchanged.ledger.cache import ResponseCache, cache_root, write_atomic
from whatchanged.ledger.codec import SHIFTS, Codec, json_codec
from whatchanged.ledger.progress import Progress
from whatchanged.ledger.run import PAIR_BATCH, Ledger, run_directory

__all__ = [
    "PAIR_BATCH", "SHIFTS", "Codec", "Ledger", "Progress", "ResponseCache", "cache_root", "json_codec",
    "run_directory", "write_atomic",
]  # fmt: skip
