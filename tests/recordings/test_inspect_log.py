import sys

import pytest

from whatchanged.errors import LogError, MissingExtra
from whatchanged.recordings import pair_logs, read_log
from whatchanged.recordings.inspect_log import read_inspect


def _sample(key, given, said, epoch=1, system=None, **more):
    log, model = pytest.importorskip("inspect_ai.log"), pytest.importorskip("inspect_ai.model")
    output = model.ModelOutput() if said is None else model.ModelOutput.from_content("mockllm/model", said)
    asked = [model.ChatMessageUser(content=given)] if isinstance(given, str) else list(given)
    head = [] if system is None else [model.ChatMessageSystem(content=system)]
    messages = [*head, *asked, model.ChatMessageAssistant(content=said or "")]
    return log.EvalSample(id=key, epoch=epoch, input=given, target="", messages=messages, output=output, **more)


def _write(path, *samples, model="mockllm/model"):
    """A real log, written by Inspect itself."""
    log = pytest.importorskip("inspect_ai.log")
    spec = log.EvalSpec(
        created="2025-01-01T00:00:00+00:00",
        task="greeting",
        dataset=log.EvalDataset(name="d", samples=len(samples)),
        model=model,
        config=log.EvalConfig(),
    )
    log.write_eval_log(log.EvalLog(eval=spec, status="success", samples=list(samples)), str(path))
    return path


@pytest.mark.parametrize("suffix", ["eval", "json"])
def test_epochs_are_repeats_and_the_model_is_named(tmp_path, suffix):
    path = _write(
        tmp_path / f"l.{suffix}",
        _sample(1, "word " * 400, "one", metadata={"category": "long", "tags": ["x"]}),
        _sample("b", "Hi", "Hello", metadata={"tags": {"not": "names"}}),
        _sample(1, "word " * 400, "two " * 400, epoch=2),
    )
    log = read_log(str(path))
    assert (log.name, log.kind, log.model, log.dropped) == (path.name, "inspect", "mockllm/model", 0)
    found = {r.key: r for r in log.recordings}
    assert found["1"].responses == ("one", "two " * 400)
    assert (found["1"].prompt.text, found["1"].prompt.tags) == ("word " * 400, ("long", "x"))
    assert (found["b"].responses, found["b"].prompt.tags) == (("Hello",), ())


def test_errors_and_silence_are_dropped_and_counted(tmp_path):
    error = pytest.importorskip("inspect_ai.log").EvalError(message="boom", traceback="", traceback_ansi="")
    moderated = _sample(5, "e", "refused by the provider")
    moderated.output.error = "content filter"
    log = read_inspect(
        _write(
            tmp_path / "l.json",
            _sample(1, "a", "fine"),
            _sample(2, "b", "half an answer", error=error),
            _sample(3, "c", None),
            _sample(4, "d", " "),
            moderated,
        )
    )
    assert [r.responses for r in log.recordings] == [("fine",)]
    assert log.dropped == 4


def test_the_system_message_of_the_task_belongs_to_the_prompt(tmp_path):
    model = pytest.importorskip("inspect_ai.model")
    own = [model.ChatMessageSystem(content="Be kind."), model.ChatMessageUser(content=[model.ContentText(text="Hi")])]
    both = _sample("b", own, "Hello")
    both.messages.insert(1, model.ChatMessageSystem(content="Rhyme."))
    log = read_inspect(
        _write(
            tmp_path / "l.json", _sample("a", "Who?", "I", system="Be brief."), both, _sample("c", "X", "Y", system="")
        )
    )
    assert [[(m.role, m.content) for m in r.prompt.messages] for r in log.recordings] == [
        [("system", "Be brief."), ("user", "Who?")],
        [("system", "Be kind."), ("system", "Rhyme."), ("user", "Hi")],
        [("user", "X")],
    ]


def test_logs_that_differ_in_the_system_prompt_pair_by_id(tmp_path):
    base = read_inspect(_write(tmp_path / "a.json", *(_sample(i, f"Q{i}", "no") for i in range(3))))
    other = [_sample(i, f"Q{i}", "arr", system="You are a pirate.") for i in range(3)]
    paired = pair_logs(base, read_inspect(_write(tmp_path / "b.json", *other)))
    assert paired.unpaired.by == "id"
    assert [[m.role for m in prompt.messages] for prompt in paired.prompts] == [["user"]] * 3
    assert (paired.base, paired.candidate) == ([("no",)] * 3, [("arr",)] * 3)


def test_an_image_names_the_sample(tmp_path):
    model = pytest.importorskip("inspect_ai.model")
    picture = [model.ChatMessageUser(content=[model.ContentImage(image="data:image/png;base64,iVBORw0KGgo=")])]
    path = _write(tmp_path / "l.json", _sample(1, "fine", "a"), _sample(2, picture, "b"))
    with pytest.raises(LogError, match=r"sample 2: .*only text"):
        read_inspect(path)


def test_no_log_no_samples_and_no_file_are_one_line_errors(tmp_path):
    pytest.importorskip("inspect_ai")
    (tmp_path / "broken.eval").write_text("not a zip file")
    (tmp_path / "other.json").write_text('{"a": 1}')
    _write(tmp_path / "empty.json")
    for name, reason in [
        ("broken.eval", "not an Inspect log"),
        ("other.json", "not an Inspect log"),
        ("empty.json", "holds no responses"),
        ("nowhere.eval", "no such file"),
    ]:
        with pytest.raises(LogError, match=reason) as caught:
            read_inspect(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_without_inspect_the_extra_is_named(tmp_path, monkeypatch):
    path = tmp_path / "l.json"
    path.write_text("{}")
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    with pytest.raises(MissingExtra, match=r"whatchanged\[inspect\]"):
        read_inspect(path)
