"""Batches hold every context once and within the budget; what does not fit memory goes through in halves."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from toy import ToySubject, random_chain
from whatchanged.subjects import Context, pair_batches, plan
from whatchanged.subjects.batching import BATCH_TOKENS, halving

LENGTHS = st.lists(st.tuples(st.integers(0, 300), st.booleans()), max_size=80)


@given(LENGTHS, st.integers(1, 1000))
def test_plan_is_a_permutation_within_budget_and_groups(items, budget):
    lengths, groups = [n for n, _ in items], [g for _, g in items]
    batches = plan(lengths, groups, budget)
    assert sorted(i for batch in batches for i in batch) == list(range(len(items)))
    for batch in batches:
        assert len({groups[i] for i in batch}) == 1
        padded = len(batch) * max(lengths[i] for i in batch)
        assert padded <= budget or len(batch) == 1
    assert batches == plan(lengths, groups, budget)


@given(LENGTHS, st.integers(1, 1000))
def test_each_group_comes_longest_first(items, budget):
    lengths, groups = [n for n, _ in items], [g for _, g in items]
    order = [i for batch in plan(lengths, groups, budget) for i in batch]
    for flag in (False, True):
        mine = [lengths[i] for i in order if groups[i] == flag]
        assert mine == sorted(mine, reverse=True)


def test_plan_fills_its_batches():
    assert plan([10] * 7, budget=30) == [[0, 1, 2], [3, 4, 5], [6]]
    assert len(plan([8] * 1000)) == -(-1000 // (BATCH_TOKENS // 8))
    assert plan([]) == []
    assert plan([10_000]) == [[0]]


class Prefixed(ToySubject):
    """Shares a prefix on prompts of two tokens."""

    def common_prefix(self, prompts):
        return int(all(len(p) == 2 for p in prompts))


def test_pairs_are_planned_by_the_longer_context_and_apart_unless_both_share():
    base, candidate = Prefixed(random_chain(0)), Prefixed(random_chain(1))
    both = (Context((1, 2)), Context((1, 2), (3, 4, 5)))
    one, other = (Context((1, 2)), Context((1,))), (Context((1,)), Context((1, 2)))
    assert pair_batches(base, candidate, [one, both, other, both]) == [[1, 3], [0, 2]]
    long = (Context((1, 2)), Context((1, 2), (3,) * 1500))
    assert pair_batches(base, candidate, [long, long[::-1], both]) == [[0], [1], [2]]


def out_of(error, limit):
    def run(items):
        calls.append(len(items))
        if len(items) > limit:
            raise error
        return [10 * i for i in items]

    calls: list[int] = []
    run.calls = calls
    return run


MEMORY = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried to ..."),
    RuntimeError("MPS backend out of memory"),
]


@pytest.mark.parametrize("error", MEMORY, ids=lambda e: f"{type(e).__name__}-{str(e)[:12]}")
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 13])
def test_halving_gives_every_result_in_order(error, limit):
    run = out_of(error, limit)
    assert halving(run, range(13)) == [10 * i for i in range(13)]
    assert run.calls[0] == 13
    assert sum(n for n in run.calls if n <= limit) == 13


@pytest.mark.parametrize("error", MEMORY, ids=lambda e: f"{type(e).__name__}-{str(e)[:12]}")
def test_a_single_item_that_does_not_fit_raises(error):
    with pytest.raises(type(error)) as caught:
        halving(out_of(error, 0), range(4))
    assert caught.value is error


@pytest.mark.parametrize("error", [RuntimeError("shape mismatch"), ValueError("out of memory"), KeyboardInterrupt()])
def test_other_errors_propagate_at_once(error):
    run = out_of(error, 2)
    with pytest.raises(type(error)):
        halving(run, range(8))
    assert run.calls == [8]
