import sys

import pytest

from whatchanged.errors import MissingExtra, PoolError
from whatchanged.pools.inspect_log import read_inspect


def _log(inputs, path):
    """A real log, written by Inspect itself."""
    log = pytest.importorskip("inspect_ai.log")
    samples = [
        log.EvalSample(id=i, epoch=epoch, input=given, target="", metadata=metadata)
        for epoch in (1, 2)
        for i, (given, metadata) in enumerate(inputs)
    ]
    spec = log.EvalSpec(
        created="2025-01-01T00:00:00+00:00",
        task="greeting",
        dataset=log.EvalDataset(name="d", samples=len(inputs)),
        model="mockllm/model",
        config=log.EvalConfig(epochs=2),
    )
    log.write_eval_log(log.EvalLog(eval=spec, status="success", samples=samples), str(path))
    return path


@pytest.mark.parametrize("suffix", ["eval", "json"])
def test_reads_each_input_of_a_real_log_once(tmp_path, suffix):
    model = pytest.importorskip("inspect_ai.model")
    chat = [
        model.ChatMessageSystem(content="Be brief."),
        model.ChatMessageUser(content=[model.ContentText(text="Who are you?")]),
    ]
    inputs = [("word " * 400, {"category": "long"}), (chat, {"tags": {"not": "names"}})]
    path = _log(inputs, tmp_path / f"l.{suffix}")
    plain, talk = read_inspect(path)
    assert (plain.text, plain.tags, plain.source) == ("word " * 400, ("long",), path.name)
    assert [(m.role, m.content) for m in talk.messages] == [("system", "Be brief."), ("user", "Who are you?")]
    assert talk.tags == ()


def test_an_image_names_the_sample(tmp_path):
    model = pytest.importorskip("inspect_ai.model")
    image = model.ContentImage(image="data:image/png;base64,iVBORw0KGgo=")
    picture = [model.ChatMessageUser(content=[image])]
    path = _log([("fine", {}), (picture, {})], tmp_path / "l.json")
    with pytest.raises(PoolError, match=r"sample 2: .*only text"):
        read_inspect(path)


def test_no_log_no_samples_and_no_file_are_one_line_pool_errors(tmp_path):
    pytest.importorskip("inspect_ai")
    broken = tmp_path / "broken.eval"
    broken.write_text("not a zip file")
    other = tmp_path / "other.json"
    other.write_text('{"a": 1}')
    empty = _log([], tmp_path / "empty.json")
    for path, reason in [
        (broken, "not an Inspect log"),
        (other, "not an Inspect log"),
        (empty, "holds no prompts"),
        (tmp_path / "nowhere.eval", "no such file"),
    ]:
        with pytest.raises(PoolError, match=reason) as caught:
            read_inspect(path)
        assert "\n" not in str(caught.value)


def test_without_inspect_the_extra_is_named(tmp_path, monkeypatch):
    path = tmp_path / "l.json"
    path.write_text("{}")
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    with pytest.raises(MissingExtra, match=r"whatchanged\[inspect\]"):
        read_inspect(path)
