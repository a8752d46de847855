import subprocess
import sys

import pytest

from whatchanged.errors import PoolError
from whatchanged.pools import load_builtin, load_pools
from whatchanged.registry import pools as readers


def test_specs_combine_in_order_without_repeats_and_with_tags_merged(tmp_path):
    first = tmp_path / "a.jsonl"
    first.write_text('{"text": "one", "tags": ["x"]}\n{"text": "two"}\n')
    second = tmp_path / "b.csv"
    second.write_text("text,tags\nthree,\none,y\n")
    prompts = load_pools([str(first), str(second)])
    assert [p.text for p in prompts] == ["one", "two", "three"]
    assert (prompts[0].tags, prompts[0].source) == (("x", "y"), "a.jsonl")


def test_kind_may_be_named_and_is_read_from_the_registry(tmp_path, monkeypatch):
    file = tmp_path / "prompts.log"
    file.write_text("one\ntwo\n")
    assert [p.text for p in load_pools([f"text:{file}"])] == ["one", "two"]
    monkeypatch.setitem(readers._targets, "lines", "whatchanged.pools.files:read_text")
    assert len(load_pools([f"lines:{file}"])) == 2


def test_a_path_may_hold_a_colon(tmp_path):
    file = tmp_path / "a:b.txt"
    file.write_text("one\n")
    assert load_pools([str(file)])[0].text == "one"


def test_builtin_tag_is_a_prefix_of_whole_parts():
    names = load_pools(["builtin:identity/name"])
    identity = load_pools(["builtin:identity"])
    assert {t for p in names for t in p.tags} == {"identity/name"}
    assert len(names) < len(identity) < len(load_pools(["builtin"])) == len(load_builtin())
    with pytest.raises(PoolError, match=r"no such tag; one of .*identity"):
        load_pools(["builtin:ident"])


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("nowhere.jsonl", "no such file"),
        ("magic:nowhere.jsonl", "KIND one of builtin, csv"),
        ("jsonl:nowhere.jsonl", "no such file"),
        ("builtin:", "no such tag"),
    ],
)
def test_specs_that_name_nothing(spec, reason):
    with pytest.raises(PoolError, match=reason):
        load_pools([spec])


def test_unknown_suffix_and_no_spec(tmp_path):
    file = tmp_path / "p.xyz"
    file.write_text("a\n")
    with pytest.raises(PoolError, match="its suffix tells no kind"):
        load_pools([str(file)])
    with pytest.raises(PoolError, match="no prompt pool given"):
        load_pools([])


def test_importing_pools_is_cheap():
    code = "import sys, whatchanged.pools; print({'torch', 'datasets', 'inspect_ai'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
