"""What is written is what is read, and reading runs no code."""

import io
import pickle

import numpy as np
import pytest

from whatchanged.ledger import SHIFTS, json_codec
from whatchanged.records import Lead, Shift, TokenShift


def shift(number, positions, drawn):
    rng = np.random.default_rng(number)
    arrays = {name: rng.random(positions) for name in ("tv", "kl_qp", "kl_pq", "rest")}
    arrays |= {name: rng.random((positions, 8)) for name in ("gained_p", "gained_q", "lost_p", "lost_q")}
    arrays = {name: values.astype(np.float32) for name, values in arrays.items()}
    arrays |= {name: rng.integers(0, 49152, (positions, 8), np.int32) for name in ("gained_ids", "lost_ids")}
    arrays["log_ratio"] = rng.standard_normal(drawn).astype(np.float32)
    return Shift(prompt_id=f"prompt-{number}", draw=number, p_change=number / 7, **arrays)


@pytest.mark.parametrize("shapes", [[], [(1, 0)], [(4, 4), (1, 1), (9, 8), (1, 0)]])
def test_shifts_come_back_as_they_were(shapes):
    written = [shift(i, *shape) for i, shape in enumerate(shapes)]
    read = SHIFTS.load(SHIFTS.dump(written))
    assert len(read) == len(written)
    for a, b in zip(written, read, strict=True):
        for name, value in vars(a).items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(value, getattr(b, name))
                assert value.dtype == getattr(b, name).dtype
            else:
                assert (value, type(value)) == (getattr(b, name), type(getattr(b, name)))


def test_the_same_shifts_are_the_same_bytes():
    assert SHIFTS.dump([shift(0, 3, 2)]) == SHIFTS.dump([shift(0, 3, 2)])


def test_nothing_is_pickled_and_a_pickle_is_not_run():
    stored = SHIFTS.dump([shift(0, 3, 2)])
    with np.load(io.BytesIO(stored), allow_pickle=False) as arrays:
        assert {"tv", "prompt_id", "log_ratio"} <= set(arrays)
    buffer = io.BytesIO()
    np.savez(buffer, rows=np.array([print], dtype=object), drawn=np.array([0]))
    with pytest.raises(ValueError, match="pickle"):
        SHIFTS.load(buffer.getvalue())
    with pytest.raises(ValueError, match="pickle"):
        SHIFTS.load(pickle.dumps([1]))


def test_records_come_back_as_they_were():
    codec = json_codec(list[Lead])
    token = TokenShift(token=3, text=" «ß\n\x1b", p=0.1, q=0.2, weight=1.0)
    leads = [Lead(id="factor-0", gained=(token,), nats=1 / 3), Lead(id="x")]
    assert codec.load(codec.dump(leads)) == leads
    assert codec.suffix == ".json"
