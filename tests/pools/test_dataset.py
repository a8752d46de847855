import sys

import pytest

from whatchanged.errors import MissingExtra, PoolError
from whatchanged.pools.dataset import read_dataset


def _save(rows, path):
    datasets = pytest.importorskip("datasets")
    parts = {name: datasets.Dataset.from_list(part) for name, part in rows.items()}
    saved = datasets.DatasetDict(parts) if len(parts) > 1 else next(iter(parts.values()))
    saved.save_to_disk(str(path))
    return path


def test_reads_a_text_column_with_tags_and_ignores_the_others(tmp_path):
    rows = [{"question": "Why?", "category": "c", "id": 1}, {"question": "How?", "category": None, "id": 2}]
    why, how = read_dataset(_save({"all": rows}, tmp_path / "d"))
    assert (why.text, why.tags, why.source) == ("Why?", ("c",), "d")
    assert how.tags == ()


def test_reads_all_splits_and_messages(tmp_path):
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    path = _save({"train": [{"messages": talk}], "test": [{"messages": talk[:1] * 2}]}, tmp_path / "d")
    first, second = read_dataset(path)
    assert [m.content for m in first.messages] == ["Hi"]
    assert second.text == "Hi\nHi"


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ({"all": [{"title": "a"}]}, "no column named .* among title"),
        ({"all": [{"text": "a"}, {"text": " "}]}, "row 2: nothing under 'text'"),
        ({"a": [{"text": "a"}], "b": [{"text": None}]}, "b row 1: nothing under"),
    ],
)
def test_malformed_datasets_name_the_place(tmp_path, rows, reason):
    with pytest.raises(PoolError, match=reason):
        read_dataset(_save(rows, tmp_path / "d"))


def test_other_folders_are_one_line_pool_errors(tmp_path):
    pytest.importorskip("datasets")
    for path, reason in [(tmp_path, "not a saved dataset"), (tmp_path / "nowhere", "no such file or folder")]:
        with pytest.raises(PoolError, match=reason) as caught:
            read_dataset(path)
        assert "\n" not in str(caught.value)


def test_without_datasets_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"whatchanged\[datasets\]"):
        read_dataset(tmp_path)
