"""The cache keeps the first value of a key, whole."""

import os

import pytest

from whatchanged.ledger import ResponseCache, cache_root, write_atomic

KEY = "ab" + 62 * "0"


def test_a_value_is_found_again_and_stays(cache_folder):
    assert cache_root() == cache_folder
    cache = ResponseCache()
    assert cache.get(KEY) is None
    cache.put(KEY, b"first")
    cache.put(KEY, b"second")
    assert ResponseCache().get(KEY) == b"first"
    assert ResponseCache().get("cd" + KEY[2:]) is None


def test_the_users_folder_is_the_default(monkeypatch):
    monkeypatch.delenv("WHATCHANGED_CACHE")
    assert cache_root().name == "whatchanged"


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "deep" / "file"
    write_atomic(file, b"old")

    def full(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        write_atomic(file, b"new")
    assert file.read_bytes() == b"old"
