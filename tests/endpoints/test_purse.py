"""Money: never more than the limit, counted once."""

import threading

import pytest

from whatchanged.endpoints import Purse
from whatchanged.endpoints.purse import most_tokens
from whatchanged.records import Message


def test_a_call_that_could_pass_the_limit_is_refused():
    purse = Purse(1.0)
    assert purse.reserve(0.6) is True
    assert purse.reserve(0.6) is None  # the first may turn out cheaper
    assert not purse.empty
    purse.settle(0.6, "a", 0.3)
    assert purse.spent == 0.3
    assert purse.reserve(0.7) is True
    purse.settle(0.7, "b", 0.7)
    assert purse.reserve(0.01) is False
    assert purse.empty
    assert purse.spent == pytest.approx(1.0)


def test_a_call_without_an_answer_gives_its_money_back():
    purse = Purse(1.0)
    purse.reserve(1.0)
    purse.settle(1.0, "a", None)
    assert purse.spent == 0
    assert purse.reserve(1.0) is True


def test_rounding_leaves_nothing_aside():
    purse = Purse(0.31)
    for bound in (0.1, 0.1, 0.1):
        assert purse.reserve(bound) is True
    for bound in (0.1, 0.1, 0.1):
        purse.settle(bound, "x", 0.0)
    assert purse.reserve(0.31) is True


def test_what_was_paid_before_counts_once():
    purse = Purse(1.0)
    purse.reserve(0.5)
    purse.settle(0.5, "a", 0.4)
    purse.known("a", 0.4)
    purse.known("b", 0.1)
    purse.known("b", 0.1)
    assert purse.spent == pytest.approx(0.5)


def test_without_a_limit_everything_is_allowed_and_counted():
    purse = Purse(None)
    assert purse.reserve(1e9) is True
    purse.settle(1e9, "a", 1e9)
    assert purse.reserve(1e9) is True
    assert purse.spent == 1e9
    assert not purse.empty


def test_threads_cannot_pass_the_limit_together():
    purse = Purse(10.0)

    def spend(name):
        for i in range(50):
            if purse.reserve(1.0):
                purse.settle(1.0, f"{name}{i}", 0.7)

    threads = [threading.Thread(target=spend, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert purse.spent == pytest.approx(13 * 0.7)
    assert purse.empty


def test_most_tokens_is_more_than_any_tokenizer_makes():
    plain = most_tokens([Message(role="user", content="hi")])
    assert most_tokens([Message(role="user", content="hi" + "你" * 10)]) == plain + 30
    assert most_tokens([Message(role="user", content="hi")] * 2) > plain + 2
