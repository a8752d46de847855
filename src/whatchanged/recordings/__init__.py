"""Recorded responses: two logs, read and paired."""

from whatchanged.recordings.load import read_log
from whatchanged.recordings.log import Log, Recording, Sample, gather
from whatchanged.recordings.pair import Paired, Unpaired, pair_logs

__all__ = ["Log", "Paired", "Recording", "Sample", "Unpaired", "gather", "pair_logs", "read_log"]
