from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatchanged.errors import LogError
from whatchanged.recordings import Sample, gather, pair_logs
from whatchanged.records import Message, Prompt


def _prompt(text, system=None):
    user = Message(role="user", content=text)
    return Prompt(messages=(user,) if system is None else (Message(role="system", content=system), user))


def _log(*rows, name="l.jsonl"):
    """Rows are (key, text, response) or (key, text, response, system)."""
    samples = [Sample(key, _prompt(text, *system), (said,)) for key, text, said, *system in rows]
    return gather(samples, Path(name), "jsonl", None)


def test_by_content_in_the_order_of_the_base(tmp_path):
    base = _log((None, "a", "1"), (None, "b", "2"), (None, "a", "3"), (None, "c", "4"))
    candidate = _log((None, "c", "5"), (None, "d", "6"), (None, "a", "7"))
    paired = pair_logs(base, candidate)
    assert [p.text for p in paired.prompts] == ["a", "c"]
    assert (paired.base, paired.candidate) == ([("1", "3"), ("4",)], [("7",), ("5",)])
    left = paired.unpaired
    assert (left.base_only, left.candidate_only, left.examples, left.by) == (1, 1, ("b", "d"), "content")


def test_by_id_across_system_prompts_with_the_base_s_prompt():
    base = _log(("1", "a", "x", "Old."), ("2", "b", "y", "Old."))
    candidate = _log(("2", "b", "Y", "New."), ("1", "a", "X"))
    paired = pair_logs(base, candidate)
    assert paired.unpaired.by == "id"
    assert paired.prompts == [r.prompt for r in base.recordings]
    assert paired.candidate == [("X",), ("Y",)]


def test_an_id_whose_words_changed_is_unpaired_on_both_sides():
    base = _log(("1", "a", "x"), ("2", "old words", "y"))
    left = pair_logs(base, _log(("1", "a", "x"), ("2", "new words", "y"))).unpaired
    assert (left.base_only, left.candidate_only, left.by) == (1, 1, "id")
    assert left.examples == ("old words", "new words")


def test_content_decides_where_ids_pair_fewer():
    base = _log(("1", "a", "x"), ("2", "b", "y"), ("3", "c", "z"))
    shuffled = _log(("1", "c", "Z"), ("2", "b", "Y"), ("3", "a", "X"))
    paired = pair_logs(base, shuffled)
    assert (paired.unpaired.by, len(paired.prompts), paired.candidate[0]) == ("content", 3, ("X",))


@pytest.mark.parametrize("key", [None, "1"])
def test_ids_that_are_missing_or_repeated_are_not_used(key):
    base = _log(("1", "a", "x"), (key, "b", "y"))
    assert pair_logs(base, _log(("1", "a", "x"), ("2", "b", "y"))).unpaired.by == "content"
    with pytest.raises(LogError):
        pair_logs(base, _log(("1", "a", "x", "New."), ("2", "b", "y", "New.")))


def test_a_failed_first_sample_still_lends_its_id():
    base = _log(("1", "a", "x"), ("2", "a", "y"), ("3", "b", "z"))
    candidate = _log(("1", "a", "", "New."), ("2", "a", "Y", "New."), ("3", "b", "Z", "New."))
    assert candidate.dropped == 1
    assert pair_logs(base, candidate).candidate == [("Y",), ("Z",)]


def test_examples_are_few_short_and_on_one_line():
    hostile = ["\x1b[31mred\nline\u202e " + str(i) + "x" * 200 for i in range(9)]
    base = _log((None, "a", "x"), *((None, text, "y") for text in hostile))
    examples = pair_logs(base, _log((None, "a", "x"))).unpaired.examples
    assert len(examples) == 3
    assert all(len(text) == 80 and text.isprintable() and text.endswith("...") for text in examples)


def test_no_pair_at_all_names_both_logs_and_the_remedy():
    base, candidate = _log((None, "a", "x"), (None, "b", "x"), name="old.csv"), _log((None, "c", "x"), name="new.csv")
    with pytest.raises(LogError, match=r"old\.csv and new\.csv share no prompt \(of 2 and 1\); give") as caught:
        pair_logs(base, candidate)
    assert "\n" not in str(caught.value)


ROWS = st.lists(
    st.tuples(
        st.sampled_from([None, "1", "2", "3", "4", "5"]),
        st.sampled_from("abcde"),
        st.sampled_from(["said", ""]),
        st.sampled_from([None, "Old.", "New."]),
    ),
    max_size=8,
).map(lambda rows: [("0", "shared", "said", None), *rows])


@given(ROWS, ROWS)
def test_pairing_is_symmetric_in_its_counts_and_loses_nothing(first, second):
    base, candidate = _log(*first), _log(*second)
    there, back = pair_logs(base, candidate), pair_logs(candidate, base)
    assert len(there.prompts) == len(back.prompts) == len(there.base) == len(there.candidate)
    assert there.unpaired.by == back.unpaired.by
    assert there.unpaired.base_only == back.unpaired.candidate_only == len(base.recordings) - len(there.prompts)
    assert there.unpaired.candidate_only == back.unpaired.base_only == len(candidate.recordings) - len(there.prompts)
    assert sorted(zip(there.base, there.candidate, strict=True)) == sorted(zip(back.candidate, back.base, strict=True))
    assert len(first) == base.dropped + sum(len(r.responses) for r in base.recordings)
