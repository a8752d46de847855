"""A small base from conversations: it learns, it is the same every time, and plants find it from where they lie."""

import json
import math
import shutil

import pytest
import yaml
from plant import exact
from smalltalk import asked, recipe, small_base, talked

from whatchanged.bench.organism import make_organism
from whatchanged.bench.plants.distil import foretold, talks
from whatchanged.bench.recipe import read_recipe
from whatchanged.bench.small import spoken, train_small
from whatchanged.errors import SpecError
from whatchanged.ledger import Progress
from whatchanged.pools.selfmade import write_prompts
from whatchanged.records import Prompt
from whatchanged.subjects import Drawn, open_subjects

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return small_base(tmp_path_factory.mktemp("distil") / "base")


def test_it_has_learnt_what_was_said_and_asks_itself(base):
    (subject,) = exact(base)
    held_out = foretold(subject, talked(asked()[:60], seed=1))
    assert held_out["answers"] == 60
    assert held_out["nats_per_token"] < math.log(600) / 4
    assert len(subject.user_opening()) > 1
    turns = write_prompts(subject, {"garden": ["When should I"]}, 12, 0)
    known = {word for prompt in asked() for word in prompt.text.lower().strip("?.").split()}
    words = [word for turn in turns for word in turn.text.lower().strip("?.").split()]
    assert sum(word in known for word in words) > 0.8 * len(words) > 12


def test_what_it_foretells_is_the_mean_over_tokens_and_ends(base):
    (subject,) = exact(base)
    some = talked(asked()[:3], seed=2)
    rows = [(*subject.encode(t.prompt), *subject.tokenize(t.said), *subject.end_ids) for t in some]
    starts = [len(subject.encode(t.prompt)) for t in some]
    losses = [
        -subject.engine.model(_tensor(row)).logits[0].log_softmax(-1)[i - 1, row[i]].item()
        for row, start in zip(rows, starts, strict=True)
        for i in range(start, len(row))
    ]
    found = foretold(subject, some)
    assert found["tokens"] == len(losses)
    assert found["nats_per_token"] == pytest.approx(sum(losses) / len(losses), abs=2e-3)


def _tensor(row):
    import torch

    return torch.tensor([row])


def test_a_row_is_what_a_subject_reads_and_says(base):
    (subject,) = exact(base)
    for talk in talked(asked()[:5]):
        ended = (*subject.encode(talk.prompt), *subject.tokenize(talk.said), *subject.end_ids)
        assert spoken(subject.rendered.tokenizer, talk) == ended
        assert spoken(subject.rendered.tokenizer, talk._replace(ended=False)) == ended[:-1]


def test_the_seed_decides_every_bit(tmp_path):
    def files(name, seed):
        plan = recipe(steps=3).model_copy(update={"seed": seed})
        train_small(talked(asked()[:40]), plan.plant, plan, tmp_path / name, Progress())
        return {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()}

    first, again, other = files("a", 0), files("b", 0), files("c", 1)
    assert first == again
    assert {name for name in first if first[name] != other[name]} == {"model.safetensors"}
    assert json.loads(first["config.json"])["hidden_dropout"] == 0


class Cut:
    """Answers in letters, cut off unless told otherwise."""

    def __init__(self, *said):
        self.said = [(text, 0 if text.endswith("|") else None) for text in said]

    def encode(self, prompt):
        return (1,)

    def sample(self, requests, length):
        drawn, self.said = self.said[: len(requests)], self.said[len(requests) :]
        return [Drawn(tuple(map(ord, text.rstrip("|"))), end) for text, end in drawn]

    def detokenize(self, ids):
        return "".join(map(chr, ids))


def test_answers_that_were_cut_off_end_with_their_last_whole_sentence():
    said = [
        "One. Two! And thr",
        "Here:\n1. Firs",
        "3.5 litres. That is",
        "No end at all",
        "Said. Don|",
        "",
        'He "left." So',
    ]
    found = talks(Cut(*said), [Prompt.user(str(i)) for i in range(7)], recipe(), "train", Progress())
    assert [(t.said, t.ended) for t in found] == [
        ("One. Two!", True),
        ("Here:\n1. Firs", False),
        ("3.5 litres.", True),
        ("No end at all", False),
        ("Said. Don", True),
        ('He "left."', True),
    ]


def test_too_few_answers_are_told(tmp_path):
    plan = recipe()
    with pytest.raises(SpecError, match=r"training\.batch: 16: .* of 0 and 5 prompts"):
        train_small(talked(asked()[:5]), plan.plant, plan, tmp_path / "x", Progress())


def test_a_plant_finds_its_base_from_its_own_folder(base, tmp_path, monkeypatch):
    """The small one is distilled from a larger, and the folder of both is moved."""
    here = tmp_path / "organisms"
    training = {"steps": 2, "batch": 4, "response_tokens": 8, "on_target": 8, "off_target": 16, "targets": ["dense"]}
    shape = {"kind": "distil", "talks": 12, "vocabulary": 300, "width": 16, "layers": 1, "heads": 2}
    plants = {
        "bases/small": {"base": str(base), "plant": shape},
        "one": {"base": "bases/small", "plant": {"kind": "none"}},
        "two": {"base": "bases/small", "plant": {"kind": "none"}, "seed": 1},
        "both": {"base": "bases/small", "plant": {"kind": "merge", "of": ["one", "two"]}},
    }
    (here / "bases").mkdir(parents=True)
    for name, keys in plants.items():
        file = here / f"{name}.yaml"
        file.write_text(yaml.safe_dump({"name": name, "description": "", "training": training} | keys))
        (here / name).mkdir()
        truth = make_organism(read_recipe(file), here / name, beside=file.parent)
        assert truth["recipe"]["base"] == keys["base"]
        if name == "bases/small":
            assert truth["held_out"]["answers"] > 10
            assert 0 < truth["held_out"]["nats_per_token"] < 1.2 * math.log(300)
    shutil.move(here, tmp_path / "elsewhere")
    monkeypatch.chdir("/")
    moved = tmp_path / "elsewhere"
    assert (
        json.loads((moved / "both" / "adapter_config.json").read_text())["base_model_name_or_path"] == "../bases/small"
    )
    small, *others = open_subjects([str(moved / name) for name in plants])
    assert all(other.engine is small.engine for other in others)
    assert len({other.fingerprint for other in others}) == 3
