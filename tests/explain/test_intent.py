"""Wanted or not: by what the claims do to texts, not by how they are worded."""

import json

import pytest
from claims import contains, finding, opens_with, tagged
from evidence import pair_of
from words import prompts_about

from whatchanged.errors import PoolError, SpecError
from whatchanged.explain import Wanted, classify, read_wanted
from whatchanged.explain.intent import IntendedChange, TuningRow
from whatchanged.records import Prompt, Region

PROMPTS = {p.id: p for p in prompts_about("cooking", "sea")[:60]}
PAIRS = [
    pair_of(p, "Sure take some", "From my kitchen to yours" if "cooking" in p.tags else "Sure take some time")
    for p in PROMPTS.values()
]


def intent_of(wanted, **changes):
    (marked,) = classify([finding(**changes)], wanted, PAIRS, PROMPTS)
    return marked.intent, marked.intent_reason


def wants(**changes):
    values = {"region": tagged("cooking"), "predicate": opens_with("From my kitchen")} | changes
    return Wanted(changes=[IntendedChange(**values)])


def test_nothing_said_nothing_classified():
    assert intent_of(Wanted()) == ("unclassified", "")


def test_only_confirmed_findings_are_classified():
    for status in ("refuted", "inconclusive"):
        assert intent_of(wants(), status=status) == ("unclassified", "")


def test_the_same_spec_is_intended_and_named():
    assert intent_of(wants(name="kitchen talk")) == ("intended", "kitchen talk")
    assert intent_of(wants())[0] == "intended"


def test_another_spec_that_marks_the_same_texts_is_intended():
    assert intent_of(wants(predicate=contains("kitchen to yours")))[0] == "intended"


def test_a_spec_that_marks_other_texts_is_not():
    assert intent_of(wants(predicate=contains("take some")))[0] == "side_effect"
    # Neither shows anywhere: agreeing on absence is no agreement.
    assert intent_of(wants(predicate=contains("whale")), predicate=contains("zebra"))[0] == "side_effect"


def test_the_other_direction_is_not():
    assert intent_of(wants(direction="less"))[0] == "side_effect"


def test_the_wanted_region_must_hold_the_findings_prompts():
    assert intent_of(wants(region=Region()))[0] == "intended"
    assert intent_of(wants(region=tagged("cooking", "law")))[0] == "intended"
    assert intent_of(wants(region=tagged("sea")))[0] == "side_effect"
    # Wanted on cooking, but found everywhere: that is a leak.
    assert intent_of(wants(), region=Region())[0] == "side_effect"


def test_a_wanted_list_that_is_empty_makes_every_change_a_side_effect():
    assert intent_of(Wanted(changes=[]))[0] == "side_effect"


def rows(share, topic="cooking", n=20):
    prompts = [p for p in prompts_about(topic)[:n]]
    return [TuningRow(prompt=p, response="From my kitchen" if i < share * n else "Sure") for i, p in enumerate(prompts)]


def test_tuning_data_that_does_it_as_often_explains_it():
    intent, reason = intent_of(Wanted(data=rows(0.7)))
    assert intent == "explained_by_data"
    assert reason == "70% of 20 tuning responses on these prompts do it"


def test_tuning_data_that_does_it_less_does_not():
    assert intent_of(Wanted(data=rows(0.1)))[0] == "side_effect"
    assert intent_of(Wanted(data=rows(1.0, topic="sea")))[0] == "side_effect"
    assert intent_of(Wanted(data=rows(1.0, n=4)))[0] == "side_effect"  # too few rows to say


def test_a_change_to_less_is_explained_by_data_that_does_it_seldom():
    less = {"direction": "less", "effect": -0.6, "rate_base": 0.7, "rate_candidate": 0.1}
    assert intent_of(Wanted(data=rows(0.1)), **less)[0] == "explained_by_data"
    assert intent_of(Wanted(data=rows(0.9)), **less)[0] == "side_effect"


def test_what_was_wanted_comes_before_what_data_explains():
    assert intent_of(Wanted(changes=wants().changes, data=rows(0.7)))[0] == "intended"
    assert intent_of(Wanted(changes=[], data=rows(0.7)))[0] == "explained_by_data"


def test_files_are_read(tmp_path):
    wanted, data = tmp_path / "wanted.yaml", tmp_path / "data.jsonl"
    wanted.write_text(
        "- name: kitchen\n  predicate: {family: phrase, args: {kind: contains, phrases: [x]}}\n"
        "- region: {kind: mentions, values: [soup]}\n  direction: less\n"
        "  predicate: {family: attribute, args: {name: refusal}}\n"
    )
    entries = [
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo\u2028there"}]},
        {"prompt": "Hi", "response": "Yo"},
        {"prompt": "Hi", "completion": "Yo"},
    ]
    lines = [json.dumps(e, ensure_ascii=False) for e in entries]
    data.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    read = read_wanted(wanted, data)
    assert [(c.name, c.direction, c.region.kind) for c in read.changes] == [
        ("kitchen", "more", "everywhere"), ("", "less", "mentions"),
    ]  # fmt: skip
    assert [row.response for row in read.data] == ["Yo\u2028there", "Yo", "Yo"]
    assert {row.prompt.id for row in read.data} == {Prompt.user("Hi").id}
    assert read_wanted(None, None) == Wanted()


GOOD = "{predicate: {family: attribute, args: {name: refusal}}}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- " + GOOD + "\n- {direction: more}", "entry 2: predicate"),
        ("- " + GOOD + "\n- {predicate: {family: nonsense}}", "entry 2: unknown predicate 'nonsense'"),
        ("- {predicate: {family: attribute, args: {name: nonsense}}}", "entry 1: predicate attribute: name"),
        ("- {predicate: {family: attribute}, direction: sideways}", "entry 1: direction"),
        ("- {predicate: {family: attribute}, rigion: {}}", "entry 1: rigion"),
        ("- {predicate: {family: attribute}, region: {kind: tag}}", "entry 1: region"),
        ("- just words", "entry 1"),
        ("predicate: {}", "expected a list"),
        ("", "expected a list"),
        ("- [unclosed", "wanted.yaml"),
        ("- !!python/object/apply:os.system [true]", "wanted.yaml"),
        (b"\xff\xfe\x00", "wanted.yaml"),
    ],
)
def test_a_bad_wanted_file_is_one_line_with_the_entry(tmp_path, text, says):
    file = tmp_path / "wanted.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SpecError) as caught:
        read_wanted(file, None)
    message = str(caught.value)
    assert message.startswith(f"--intended {file}")
    assert says in message
    assert "\n" not in message
    assert ": :" not in message


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 2"),
        ("[1]", "line 2"),
        ('"text"', "line 2"),
        ('{"prompt": "a"}', "line 2: no 'response'"),
        ('{"response": "a"}', "line 2: no 'prompt'"),
        ('{"prompt": "a", "response": null}', "line 2"),
        ('{"prompt": 3, "response": "b"}', "line 2"),
        ('{"messages": [{"role": "user", "content": "a"}]}', "line 2: messages do not end in an assistant turn"),
        ('{"messages": []}', "line 2: messages do not end in an assistant turn"),
        ('{"messages": [{"role": "robot", "content": "a"}]}', "line 2"),
        ("[" * 10**5, "line 2"),
    ],
)
def test_bad_tuning_data_is_one_line_with_the_line(tmp_path, line, says):
    file = tmp_path / "data.jsonl"
    file.write_text('{"prompt": "a", "response": "b"}\n' + line + "\n")
    with pytest.raises(PoolError) as caught:
        read_wanted(None, file)
    message = str(caught.value)
    assert message.startswith(f"--intended-data {file}")
    assert says in message
    assert "\n" not in message


def test_missing_and_empty_files_are_named(tmp_path):
    with pytest.raises(SpecError, match="nowhere"):
        read_wanted(tmp_path / "nowhere", None)
    with pytest.raises(PoolError, match="nowhere"):
        read_wanted(None, tmp_path / "nowhere")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(PoolError, match="no rows"):
        read_wanted(None, tmp_path / "empty")
