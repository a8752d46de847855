"""How evidence is written: JSON for records, NPZ (never pickled) for shifts."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from pydantic import TypeAdapter

from whatchanged.records import Shift

T = TypeVar("T")

_STACKED = (
    "tv", "kl_qp", "kl_pq", "rest", "gained_ids", "gained_p", "gained_q", "lost_ids", "lost_p", "lost_q",
)  # fmt: skip


@dataclass(frozen=True)
class Codec(Generic[T]):
    """A pair of inverse functions and the file suffix they write."""

    dump: Callable[[T], bytes]
    load: Callable[[bytes], T]
    suffix: str


def json_codec(kind: Any) -> Codec[Any]:
    """JSON of anything pydantic can describe."""
    adapter = TypeAdapter(kind)
    return Codec(dump=adapter.dump_json, load=adapter.validate_json, suffix=".json")


def _dump_shifts(shifts: list[Shift]) -> bytes:
    joined = (*_STACKED, "log_ratio") if shifts else ()
    arrays: dict[str, Any] = {name: np.concatenate([getattr(s, name) for s in shifts]) for name in joined}
    arrays["rows"] = np.array([len(s.tv) for s in shifts])
    arrays["drawn"] = np.array([len(s.log_ratio) for s in shifts])
    arrays["prompt_id"] = np.array([s.prompt_id for s in shifts])
    arrays["draw"] = np.array([s.draw for s in shifts])
    arrays["p_change"] = np.array([s.p_change for s in shifts])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _load_shifts(data: bytes) -> list[Shift]:
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        arrays = dict(stored)
    row_ends, drawn_ends = np.cumsum(arrays["rows"]), np.cumsum(arrays["drawn"])
    shifts = []
    for i in range(len(row_ends)):
        rows = slice(row_ends[i] - arrays["rows"][i], row_ends[i])
        drawn = slice(drawn_ends[i] - arrays["drawn"][i], drawn_ends[i])
        shifts.append(
            Shift(
                prompt_id=str(arrays["prompt_id"][i]),
                draw=int(arrays["draw"][i]),
                p_change=float(arrays["p_change"][i]),
                log_ratio=arrays["log_ratio"][drawn],
                **{name: arrays[name][rows] for name in _STACKED},
            )
        )
    return shifts


SHIFTS: Codec[list[Shift]] = Codec(dump=_dump_shifts, load=_load_shifts, suffix=".npz")
