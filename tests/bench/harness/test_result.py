"""A bench made in parts is the bench made at once."""

import pytest
from benched import finder_row, finding_row, scored

from whatchanged.bench.harness.machine import machine
from whatchanged.bench.harness.result import join, result_of
from whatchanged.bench.harness.store import load, save
from whatchanged.errors import SpecError, UsageError

ABOUT = {"whatchanged": "0", "commit": "c1", "command": "whatchanged bench", "machine": machine(), "remeasure": 500}
SEVERAL = [
    scored(organism="one").model_copy(update={"findings": (finding_row(),), "finders": (finder_row(),)}),
    scored("clustering", "one", texts=250, found=(False,), tokens=9000),
    scored(organism="none", rises=(), confirmed=0, true=0),
    scored("clustering", "two", texts=250, found=(False,), refused="It cannot."),
    scored(organism="two", rises=(0.1, 0.9), found=(False, True)),
]


def made(some, **changes):
    return result_of(some, "audit", **(ABOUT | changes))


def without(result, *names):
    return {name: value for name, value in dict(result).items() if name not in names}


def test_parts_add_up_to_the_whole(tmp_path):
    for i, part in enumerate((SEVERAL[:2], SEVERAL[2:])):
        save(made(part), tmp_path / str(i))
    whole, joined = made(SEVERAL), join([load(tmp_path / str(i)) for i in range(2)])
    rows = ("audits", "behaviours", "findings", "finders")
    assert without(joined, *rows) == without(whole, *rows)
    for name in rows:
        assert sorted(map(str, getattr(joined, name))) == sorted(map(str, getattr(whole, name)))
    assert len(joined.findings) == len(joined.finders) == 1


def test_what_was_saved_is_read_again_as_it_was(tmp_path):
    save(made(SEVERAL), tmp_path)
    assert load(tmp_path) == made(SEVERAL)


def test_a_later_part_takes_the_place_of_an_earlier_one():
    before, after = (made([scored(organism="one", found=(yes,))], commit=c) for yes, c in ((False, "c1"), (True, "c2")))
    joined = join([before, after])
    assert [a.found for a in joined.audits] == [1]
    assert joined.commit == "c1, c2"
    assert joined.command == "whatchanged bench"


def test_an_organism_that_some_part_audited_is_not_missing():
    first = made(SEVERAL[:1], missing=("two: is not made", "three: is not made"))
    assert join([first, made(SEVERAL[4:])]).missing == ("three: is not made",)


def test_parts_measured_again_on_other_numbers_are_refused():
    with pytest.raises(UsageError, match=r"remeasure=\[200, 500\]"):
        join([made(SEVERAL), made(SEVERAL, remeasure=200)])


@pytest.mark.parametrize("damage", [None, b"{", b"{}"])
def test_a_folder_without_a_bench_is_named(tmp_path, damage):
    if damage is not None:
        (tmp_path / "summary.json").write_bytes(damage)
    with pytest.raises(SpecError, match="holds no finished bench"):
        load(tmp_path)


def test_a_damaged_table_is_named(tmp_path):
    save(made(SEVERAL), tmp_path)
    (tmp_path / "findings.parquet").write_bytes(b"PAR1")
    with pytest.raises(SpecError, match="holds no finished bench"):
        load(tmp_path)
