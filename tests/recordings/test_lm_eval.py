import json

import pytest

from whatchanged.errors import LogError
from whatchanged.recordings.lm_eval import read_lm_eval

GENERATION = {"until": ["\n\n"], "temperature": 0.0}


def _row(doc_id, context, said, **more):
    """As the harness writes it today."""
    arguments = {"gen_args_0": {"arg_0": context, "arg_1": GENERATION}}
    return {
        "doc_id": doc_id,
        "doc": {"question": context},
        "target": "18",
        "arguments": arguments,
        "resps": [said],
        "filtered_resps": ["18"],
        "filter": "strict-match",
        **more,
    }


def _write(tmp_path, *rows):
    path = tmp_path / "samples_gsm8k_2025-01-01T00-00-00.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_reads_unfiltered_responses_and_repeats(tmp_path):
    log = read_lm_eval(_write(tmp_path, _row(0, "Q: 9+9?\nA:", ["It is 18.", "So 18"]), _row(1, "Q: 1+1?", ["2", ""])))
    assert [(r.key, r.prompt.text, r.responses) for r in log.recordings] == [
        ("0", "Q: 9+9?\nA:", ("It is 18.", "So 18")),
        ("1", "Q: 1+1?", ("2",)),
    ]
    assert (log.kind, log.model, log.dropped) == ("lm-eval", None, 1)


def test_the_copies_that_each_filter_makes_are_no_repeats(tmp_path):
    copies = [_row(i, f"Q{i}", [f"A{i}"], filter=name) for name in ("strict", "flexible") for i in range(2)]
    log = read_lm_eval(_write(tmp_path, *copies, _row(0, "Q0", ["again"], filter="strict")))
    assert [r.responses for r in log.recordings] == [("A0", "again"), ("A1",)]


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_chat_context_is_a_conversation(tmp_path, wrapped):
    chat = json.dumps([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])
    (recording,) = read_lm_eval(_write(tmp_path, _row(3, [chat] if wrapped else chat, ["Hello"]))).recordings
    assert [(m.role, m.content) for m in recording.prompt.messages] == [("system", "Be brief."), ("user", "Hi")]


@pytest.mark.parametrize("context", ['["a", "b"] is a list?', '["a"]', "[" * 100_000, '[{"x": 1}]'])
def test_a_context_that_looks_like_json_is_text(tmp_path, context):
    (recording,) = read_lm_eval(_write(tmp_path, _row(0, context, ["yes"]))).recordings
    assert recording.prompt.text == context


def test_older_files_have_lists_of_arguments(tmp_path):
    row = _row("a", "Q", ["A"], arguments=[["Q", GENERATION]])
    bare = _row("b", "P", ["-1 or so"], arguments=[["P"]])
    assert [r.prompt.text for r in read_lm_eval(_write(tmp_path, row, bare)).recordings] == ["Q", "P"]


def test_several_requests_of_a_document_have_keys_of_their_own(tmp_path):
    row = {**_row(5, "", []), "arguments": [["P", GENERATION], ["Q", GENERATION]], "resps": [["1"], ["2"]]}
    found = [(r.key, r.prompt.text, r.responses) for r in read_lm_eval(_write(tmp_path, row)).recordings]
    assert found == [("5", "P", ("1",)), ("5.1", "Q", ("2",))]


@pytest.mark.parametrize(
    ("arguments", "resps"),
    [
        ([["Q", " yes"], ["Q", " no"]], [[[-1.5, False]], [[-2.5, True]]]),
        ([["Q", " yes"]], [[["-1.5", "False"]]]),
        ({"gen_args_0": {"arg_0": "Q", "arg_1": " yes"}}, [["-1.5", "False"]]),
        ([["the whole text"]], [["-123.75"]]),
        ([["the whole text"]], [[-123.75]]),
        ([["Q", GENERATION]], [[["x"]]]),
    ],
)
def test_log_likelihoods_are_refused_with_what_works(tmp_path, arguments, resps):
    path = _write(tmp_path, {**_row(0, "", []), "arguments": arguments, "resps": resps})
    with pytest.raises(LogError, match="generate_until") as caught:
        read_lm_eval(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"resps": None}, "no 'doc_id', 'arguments' and 'resps'"),
        ({"resps": [["a"], ["b"]]}, "1 requests but 2 lists"),
        ({"arguments": "Q"}, "'arguments' must be"),
        ({"arguments": ["Q"]}, "has no context"),
        ({"arguments": [[]]}, "has no context"),
        ({"arguments": [[3, GENERATION]]}, "3 is no text"),
        ({"arguments": [[" ", GENERATION]]}, "nothing under 'context'"),
        ({"doc_id": {"a": 1}}, "id must be"),
    ],
)
def test_a_malformed_row_names_its_line(tmp_path, change, reason):
    path = _write(tmp_path, _row(0, "Q", ["A"]), {**_row(1, "P", ["B"]), **change})
    with pytest.raises(LogError) as caught:
        read_lm_eval(path)
    assert str(caught.value).startswith(f"log {path} line 2: ")
    assert reason in str(caught.value)
