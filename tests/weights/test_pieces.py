"""A dW that is only ever held in pieces: the bound still holds, and memory is handed on, not piled up."""

import threading

import made
import numpy as np
import pytest

from whatchanged.weights import pieces
from whatchanged.weights.room import Room
from whatchanged.weights.sketch import Sketch
from whatchanged.weights.spectrum import triples


def found(monkeypatch, delta, rank=8, seed=0):
    """What pieces of 336 rows, or of 96 that may end early, in blocks of 48, say of dW; and where blocks were put."""
    for name, value in {"BLOCK": 50 * delta.shape[1], "STRIPE": 2, "SHORT": 2, "BLOCKS": 7}.items():
        monkeypatch.setattr(pieces, name, value)
    rows = pieces.piece_rows(*delta.shape)
    assert (rows, pieces.block_rows(delta.shape[1])) == (336, 48)
    room = np.full(pieces.entries_held(*delta.shape, rank), np.nan, np.float32)
    kept, places = pieces.Pieces(delta.shape, 0, rank, seed, room), []
    for start in range(0, len(delta), 48):
        block = delta[start : start + 48]
        place = kept.place(start, len(block))
        places.append((place.ctypes.data - room.ctypes.data) // delta.strides[0])
        place[:] = block
        kept.add(start, len(block), float((block.astype(float) ** 2).sum()))
    return kept, places, *kept.values(float((delta.astype(float) ** 2).sum()))


def few_rows(rng):
    delta = np.zeros((1200, 300), np.float32)
    delta[805:825] = rng.standard_normal((20, 300))
    return delta


def spikes(rng):
    return made.low_rank(rng, np.ones((1200, 300)), 3, 2) + 0.5 * rng.standard_normal((1200, 300))


DELTAS = {
    "low rank": lambda rng: made.low_rank(rng, np.ones((1200, 300)), 5, 0.1),
    "spikes in noise": spikes,
    "slow": lambda rng: made.tuned(rng, np.ones((1190, 300)), 0.1),
    "noise": lambda rng: rng.standard_normal((1200, 300)),
    "few rows": few_rows,
}


@pytest.mark.parametrize("name", DELTAS)
def test_no_value_is_off_by_more_than_the_bound(monkeypatch, name):
    delta = DELTAS[name](np.random.default_rng(0)).astype(np.float32)
    _, _, values, residual, exact = found(monkeypatch, delta)
    true = np.linalg.svd(delta.astype(float), compute_uv=False)
    assert not exact
    assert (np.abs(true[: len(values)] - values) <= residual * (1 + 1e-6)).all()
    assert residual <= np.linalg.norm(delta)


@pytest.mark.parametrize("name", ["low rank", "spikes in noise"])
def test_what_stands_out_is_right_to_a_few_thousandths(monkeypatch, name):
    delta = DELTAS[name](np.random.default_rng(0)).astype(np.float32)
    _, _, values, residual, _ = found(monkeypatch, delta)
    true = np.linalg.svd(delta.astype(float), compute_uv=False)
    assert values[:3] == pytest.approx(true[:3], rel=3e-3)
    if name == "low rank":
        assert residual <= 2e-3 * np.linalg.norm(delta)


def test_pieces_end_early_where_the_directions_of_the_first_serve(monkeypatch):
    rng = np.random.default_rng(0)
    first = [0, 48, 96, 144, 192, 240, 288]
    _, places, *_ = found(monkeypatch, DELTAS["low rank"](rng)[:1190].astype(np.float32))
    # What is left for the last one is not less than such a piece.
    assert places == [*first, *[0, 48] * 7, 0, 48, 96, 144]
    _, places, *_ = found(monkeypatch, DELTAS["noise"](rng).astype(np.float32))
    assert places == [*first * 3, 0, 48, 96, 144]


def test_other_rows_after_the_first_piece_are_seen(monkeypatch):
    """A direction that only later rows have: the piece they are in is looked at again."""
    rng = np.random.default_rng(0)
    delta = made.low_rank(rng, np.ones((1200, 300)), 2, 0.1)
    delta[700:] += made.low_rank(rng, np.ones((500, 300)), 1, 0.5)
    _, _, values, residual, _ = found(monkeypatch, delta.astype(np.float32))
    true = np.linalg.svd(delta, compute_uv=False)
    assert values[:3] == pytest.approx(true[:3], rel=3e-3)
    assert residual <= 2e-3 * np.linalg.norm(delta)


@pytest.mark.parametrize(("columns", "rows"), [(4096, 64), (14336, 16), (53248, 4), (1 << 20, 1)])
def test_rows_of_a_block_are_whole_groups_of_the_sketch(columns, rows):
    assert pieces.block_rows(columns) == rows


def test_pieces_of_noise_look_like_noise(monkeypatch):
    kept, *_ = found(monkeypatch, DELTAS["noise"](np.random.default_rng(0)).astype(np.float32))
    assert 0.85 < kept.edge_ratio < 1.08


def test_a_high_stack_is_cut_and_what_is_dropped_is_in_the_bound(monkeypatch):
    monkeypatch.setattr(pieces, "STACKED", 40)
    test_no_value_is_off_by_more_than_the_bound(monkeypatch, "slow")


def test_the_sketch_adds_up_signed_rows():
    delta = np.random.default_rng(0).standard_normal((1500, 300)).astype(np.float32)
    once, blocks = (Sketch.of(delta.shape, 8, 3, 8) for _ in range(2))
    assert Sketch.of((256, 9000), 8, 3, 8) is None
    for start in range(0, 1500, 100):
        blocks.add(start, delta[start : start + 100])
        assert blocks.filled == min(start // 2 + 50, 640)  # two rows become one
    once.add(0, delta)
    for sketch in (once, blocks):
        assert (sketch.image.shape, sketch.filled) == ((640, 300), 640)
        # Every row is in it once, with a sign: on average |S dW|^2 = |dW|^2.
        assert np.linalg.norm(sketch.image) == pytest.approx(np.linalg.norm(delta), rel=0.05)
    alone = Sketch.of((400, 300), 8, 3, 8)
    alone.add(0, delta[:400])
    np.testing.assert_array_equal(np.abs(alone.image), np.abs(delta[:400]))
    # What comes first need not be the first rows, and rows that nothing was added to may hold anything.
    late = Sketch.of((400, 300), 8, 3, 8, np.full((400, 300), np.nan, np.float32))
    late.add(200, delta[200:240])
    assert late.filled == 240
    np.testing.assert_array_equal(np.abs(late.image[:240]), np.abs(delta[:240] * (np.arange(240) >= 200)[:, None]))


@pytest.mark.parametrize("rows", [[(295, 1), (299, -1)], [(5, 1), (29, -1)], [(7, 1), (8, -1)]])
@pytest.mark.parametrize("length", [300, 1500])
def test_few_rows_that_may_cancel_in_the_sketch(rows, length):
    """The last rows alone; two rows that were swapped, whose differences are opposite."""
    delta = np.zeros((length, 300), np.float32)
    change = np.random.default_rng(0).standard_normal(300)
    for row, sign in rows:
        delta[row] = sign * change
    for seed in range(8):
        found = triples(delta, 8, seed)
        assert found.values[0] == pytest.approx(np.linalg.norm(delta), rel=1e-4)


def test_room_is_used_again_and_never_exceeded():
    room = Room(8000)
    with room.take(1000) as first:
        assert len(first) == 1000
        address = first.ctypes.data
    with room.take(900) as again:
        assert (again.ctypes.data, len(again)) == (address, 900)
        entered = threading.Event()

        def other():
            with room.take(1500):
                entered.set()

        thread = threading.Thread(target=other)
        thread.start()
        assert not entered.wait(0.05)
    thread.join(5)
    assert entered.is_set()
