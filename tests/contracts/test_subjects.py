"""What every registered kind of subject and every modifier must do, those of other installed packages included."""

import inspect
import os

import numpy as np
import pytest
import tiny
import torch
from scoring import scored

from whatchanged import registry
from whatchanged.errors import UsageError
from whatchanged.records import Message, Prompt
from whatchanged.subjects import Access, Context, Continue, Subject, open_subjects, stream_key
from whatchanged.subjects.modifiers import Modifier
from whatchanged.subjects.sources import Checkpoint
from whatchanged.subjects.spec import resolve

pytestmark = pytest.mark.usefixtures("one_thread")


# One usable value for each modifier that comes with the package; {vector} is a file made below.
VALUES = {
    "system": "Talk like a pirate.",
    "quantize": "int4",
    "noise": "0.1",
    "steer": "{vector}:1:3",
    "dtype": "float16",
}
HOSTILE = [
    "", " ", ".", "/", "\0", "a\0b", "x" * 300, "y" * 70_000, "你" * 200, "-1", "1e999", "nan", "int8 ", "INT8",
    "a:b:c", "::", "/:0:1", "../../etc:0:1", "%s{}%n", "\udcff", "\x1b[31m", "~", "\u202e",
]  # fmt: skip
PROMPTS = [
    Prompt.user("What is the capital of France?"),
    Prompt.user(""),
    Prompt.user("<|im_end|> Zwölf 🙂\n\0\x1b[31m"),
    Prompt(messages=(Message(role="system", content="Be brief."), Message(role="user", content="hi"))),
    Prompt(
        messages=(
            Message(role="user", content="Write a poem"),
            Message(role="assistant", content="The sea"),
            Message(role="user", content="more"),
        )
    ),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A base, an adapter on it, another family, and a steering vector."""
    root = tmp_path_factory.mktemp("world")
    base = tiny.llama(root / "base")
    np.save(root / "vector.npy", np.random.default_rng(0).normal(size=32).astype(np.float32))
    return {
        "base": base,
        "adapter": tiny.lora(base, root / "adapter"),
        "neox": tiny.neox(root / "neox"),
        "vector": root / "vector.npy",
    }


def usage_error(act) -> str | None:
    """The message if `act` fails as a user's mistake may fail: one kind of error. None if it does not fail."""
    try:
        act()
    except UsageError as error:
        return str(error)
    return None


# Sources


@pytest.mark.parametrize("name", sorted(registry.subjects))
class TestSource:
    def test_has_the_two_methods_and_says_what_it_is(self, name):
        source = registry.subjects[name]
        assert source.__doc__
        assert list(inspect.signature(source().matches).parameters) == ["target"]
        assert list(inspect.signature(source().resolve).parameters) == ["target", "given_base"]

    def test_matching_never_fails_and_touches_nothing(self, name, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        source = registry.subjects[name]()
        for target in [*HOSTILE, *registry.subjects, "hf/", "hf/a/b", ".gguf", "a.gguf"]:
            assert type(source.matches(target)) is bool, target[:40]
            assert source.matches(target) == source.matches(target)
        assert os.listdir(tmp_path) == []

    def test_what_it_resolves_to_is_local(self, name, world):
        source = registry.subjects[name]()
        for target in (str(world["base"]), str(world["adapter"])):
            if source.matches(target):
                found = source.resolve(target, None)
                assert found.folder.is_dir()
                assert found.adapter is None or found.adapter.is_dir()


@pytest.mark.parametrize("target", HOSTILE, ids=lambda t: repr(t[:12]))
def test_hostile_targets_are_the_users_mistake(target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = usage_error(lambda: resolve(target))
    assert message
    assert "\n" not in message


@pytest.mark.parametrize("kind", ["base", "adapter"])
@pytest.mark.parametrize("prefix", ["", "hf/"])
def test_all_sources_that_match_a_target_agree(kind, prefix, world):
    """So that their order in the registry decides nothing."""
    target = f"{prefix}{world[kind]}"
    sources = [registry.subjects[name]() for name in registry.subjects]
    found = {source.resolve(target, None) for source in sources if source.matches(target)}
    assert found == {Checkpoint(world["base"], world["adapter"] if kind == "adapter" else None)}


# Modifiers


@pytest.mark.parametrize("name", sorted(registry.modifiers))
class TestModifier:
    def test_is_a_documented_modifier_with_a_readable_name(self, name):
        kind = registry.modifiers[name]
        assert issubclass(kind, Modifier)
        assert kind.__doc__
        assert name.replace("_", "").isalpha()  # what the spec's grammar can read

    def test_hostile_values_are_the_users_mistake_or_are_taken(self, name):
        for value in filter(None, HOSTILE):
            message = usage_error(lambda value=value: registry.modifiers[name](value))
            if message is not None:
                assert "\n" not in message, value[:40]
                assert value[:100] in message or value.split(":")[0][:100] in message, value[:40]

    def test_identity_depends_on_the_value_alone(self, name, world):
        value = example(name, world)
        one, two = (registry.modifiers[name](value) for _ in range(2))
        assert one.identity == two.identity
        assert one.identity

    def test_changes_its_own_subject_and_no_other(self, name, world):
        value = example(name, world)
        plain, changed, adapter = open_subjects(
            [str(world["base"]), f"{world['base']}+{name}={value}", str(world["adapter"])]
        )
        (alone,) = open_subjects([str(world["base"])])
        asked = contexts(plain)
        expected = scored(alone, asked)
        found = scored(changed, contexts(changed))
        assert scored(plain, asked).equal(expected)
        assert found.shape == expected.shape
        assert (found - expected).abs().max() > 1e-4
        assert changed.fingerprint not in (plain.fingerprint, adapter.fingerprint)
        assert (changed.weights_id == plain.weights_id) is not registry.modifiers[name].edits_weights
        scored(adapter, asked)
        assert scored(plain, asked).equal(expected)
        assert scored(changed, contexts(changed)).equal(found)

    def test_keeps_the_subjects_contract(self, name, world):
        value = example(name, world)
        for folder in ("base", "adapter"):
            check_subject(open_subjects([f"{world[folder]}+{name}={value}"])[0])


def example(name, world) -> str:
    if name not in VALUES:
        pytest.skip(f"no example value for the modifier '{name}' of another package")
    return VALUES[name].format(vector=world["vector"])


def test_every_modifier_of_ours_has_an_example():
    assert set(VALUES) <= set(registry.modifiers)


# Subjects


@pytest.mark.parametrize("kind", ["base", "adapter", "neox"])
def test_subject_keeps_its_contract(kind, world):
    check_subject(open_subjects([str(world[kind])])[0])


def contexts(subject: Subject) -> list[Context]:
    return [Context(subject.encode(p), subject.tokenize("Paris is")) for p in PROMPTS]


def check_subject(subject: Subject) -> None:
    """Names, tokens, scoring, sampling and stepping agree with each other."""
    assert isinstance(subject, Subject)
    assert all(
        type(x) is str and x for x in (subject.name, subject.fingerprint, subject.weights_id, subject.vocabulary)
    )
    assert subject.access is Access.weights
    assert subject.end_ids
    for prompt in PROMPTS:
        ids = subject.encode(prompt)
        assert type(ids) is tuple
        assert ids
        assert ids == subject.encode(prompt)
        assert 0 <= subject.common_prefix([ids]) < len(ids)
    assert subject.detokenize(subject.tokenize("Paris is")) == "Paris is"
    assert subject.tokenize("") == ()

    asked = contexts(subject)
    rows = subject.score(asked)
    table = torch.cat(list(rows.blocks()))
    assert rows.count == len(table) == sum(c.n_rows for c in asked)
    assert table.dtype == torch.float32
    assert (table.exp().sum(-1) - 1).abs().max() < 1e-4
    assert rows.pick([0]).shape == (1, table.shape[1])
    assert max(subject.end_ids) < table.shape[1]
    assert 0 < subject.scored_tokens(asked) <= sum(c.length for c in asked)

    requests = [Continue(subject.encode(p), (), stream_key("contract", i)) for i, p in enumerate(PROMPTS)]
    drawn = subject.sample(requests, 4)
    assert drawn == subject.sample(requests, 4)
    for one in drawn:
        assert len(one.tokens) == 4 or one.end in subject.end_ids
        assert subject.end_ids.isdisjoint(one.tokens)
        assert all(type(t) is int and 0 <= t < table.shape[1] for t in one.tokens)

    stepper = subject.stepper([c.prompt for c in asked])
    first = stepper.log_probs()
    assert first.shape == (len(asked), table.shape[1])
    stepper.advance([0, 0], [5, 6])
    assert stepper.log_probs().shape == (2, table.shape[1])
