"""The run directory: evidence step by step, each written once and whole; resuming is reading what is there."""

import json
import re
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from whatchanged.config import AuditConfig
from whatchanged.errors import RunDirectoryError
from whatchanged.ledger.cache import write_atomic
from whatchanged.ledger.codec import Codec
from whatchanged.ledger.progress import Progress
from whatchanged.records import Cost

T = TypeVar("T")

PAIR_BATCH = 32


class Ledger:
    """Append-only evidence of one audit.

    `once(name, codec, compute)` returns the stored result of a step, or computes it and stores it with its
    cost and its seconds. A step is a pure function of the config and of earlier steps, so an audit that
    was killed and one that was not end with the same files.
    """

    def __init__(self, directory: Path, config: AuditConfig, progress: Progress | None = None) -> None:
        self.directory, self.config = directory, config
        self.progress = progress or Progress()
        self.refused: str | None = None
        self._costs: dict[str, Cost] = {}
        self._seconds: dict[str, float] = {}
        self._claim()

    def once(self, name: str, codec: Codec[T], compute: Callable[[], tuple[T, Cost]]) -> T:
        """The step's result. `name` is stage/step; its stage is what seconds are counted under."""
        value_path = self.directory / "evidence" / f"{name}{codec.suffix}"
        meta_path = self.directory / "evidence" / f"{name}.cost.json"
        if meta_path.is_file():
            meta = json.loads(meta_path.read_text())
            self._note(name, Cost.model_validate(meta["cost"]), meta["seconds"])
            return codec.load(value_path.read_bytes())
        started = time.perf_counter()
        value, cost = compute()
        seconds = time.perf_counter() - started
        data = codec.dump(value)
        write_atomic(value_path, data)
        # Written last: a step without its cost file did not happen.
        write_atomic(meta_path, json.dumps({"cost": cost.model_dump(), "seconds": seconds}).encode())
        self._note(name, cost, seconds)
        # What the rest of this run sees is what a resumed run would read.
        return codec.load(data)

    def identify(self, **wanted: str | list[str]) -> None:
        """Pin what the run is about: fingerprints of models, prompts and files, by name. Raises RunDirectoryError
        when a resumed run would mix evidence about other content."""
        path = self.directory / "identity.json"
        if not path.is_file():
            write_atomic(path, json.dumps(wanted, indent=1).encode())
            return
        stored = json.loads(path.read_text())
        changed = [key for key in wanted if stored.get(key) != wanted[key]]
        if changed:
            raise RunDirectoryError(
                f"'{self.directory}' was made with other {changed[0]} content under the same name: choose another --out"
            )

    @property
    def cost(self) -> Cost:
        """Sum over steps done."""
        return sum(self._costs.values(), Cost())

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds per stage, over all the sessions that worked on this run."""
        totals: dict[str, float] = defaultdict(float)
        for name, seconds in self._seconds.items():
            totals[name.split("/")[0]] += seconds
        return dict(totals)

    def out_of_budget(self) -> str | None:
        """The limit that was passed, in words, or None. `refused` is set by whoever keeps the purse."""
        if self.refused is not None:
            return self.refused
        if self.tokens_left() < self.pair_batch:
            return f"--max-decoded-tokens {self.config.max_decoded_tokens}"
        return f"--max-minutes {self.config.max_minutes:g}" if self.out_of_time() else None

    def out_of_time(self) -> bool:
        """Whether the steps done so far have taken --max-minutes."""
        minutes = self.config.max_minutes
        return minutes is not None and sum(self._seconds.values()) >= 60 * minutes

    def tokens_left(self) -> int:
        """Tokens that may still be decoded under --max-decoded-tokens."""
        decoded = self.cost.decoded_tokens
        most = self.config.max_decoded_tokens
        return sys.maxsize if most is None else max(0, most - decoded.base - decoded.candidate)

    @property
    def pair_batch(self) -> int:
        """Tokens that PAIR_BATCH pairs may decode at most: with less left, no more are drawn."""
        return self.pair_tokens(PAIR_BATCH)

    def pair_tokens(self, pairs: int) -> int:
        """Tokens that so many pairs may decode at most, both models."""
        return 2 * pairs * self.config.limits.response_tokens

    def affordable(self) -> int:
        """How many base responses the screen may draw: half of what --max-decoded-tokens leaves."""
        return self.tokens_left() // 2 // self.config.limits.response_tokens

    @staticmethod
    def peak_memory() -> int:
        """Peak resident bytes of this process."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024

    def _note(self, name: str, cost: Cost, seconds: float) -> None:
        self._costs[name], self._seconds[name] = cost, seconds

    def _claim(self) -> None:
        path = self.directory / "config.json"
        wanted = json.loads(self.config.model_dump_json())
        try:
            if path.is_file():
                self._compare(json.loads(path.read_text()), wanted)
            else:
                write_atomic(path, json.dumps(wanted, indent=1).encode())
        except OSError as error:
            raise RunDirectoryError(
                f"cannot write run directory '{self.directory}': {error.strerror}; choose another with --out"
            ) from None
        except ValueError:
            raise RunDirectoryError(f"'{path}' is not a run's config; choose another --out") from None

    def _compare(self, stored: Any, wanted: dict[str, Any]) -> None:
        if not isinstance(stored, dict):
            raise ValueError(stored)
        changed = [key for key in wanted if stored.get(key) != wanted[key]]
        if changed:
            key = changed[0]
            raise RunDirectoryError(
                f"'{self.directory}' holds a run with {key}={stored.get(key)!r}, not {wanted[key]!r}: "
                "repeat the old setting to resume it, or choose another --out"
            )


def run_directory(config: AuditConfig) -> Path:
    """runs/BASE--CANDIDATE-HASH: the same settings name the same directory."""
    names = [re.sub(r"[^\w.-]+", "-", Path(spec).name)[:40].strip("-") for spec in (config.base, config.candidate)]
    return Path("runs") / f"{'--'.join(names)}-{config.digest}"
