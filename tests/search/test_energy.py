"""Read energy: of prompts that nobody screened, those that meet a planted change of the weights come first."""

from dataclasses import replace
from itertools import product

import numpy as np
import planted
import pytest
import tiny
from words import WordSubject

from whatchanged.records import Message, Prompt
from whatchanged.search import Evidence
from whatchanged.search import weights as room
from whatchanged.search.energy import ReadEnergy, held, recombined
from whatchanged.weights.predict import ReadDirections, read_directions
from whatchanged.weights.predict.frames import DEFAULT, frame_of

pytestmark = pytest.mark.usefixtures("one_thread")

MODULE = "model.layers.1.mlp.down_proj"
# A token whose state the planted change reads, and prompts that end in it.
TOKEN = 290
ORDINARY = [
    Prompt.user(f"{verb} {n} {what} to {whom}")
    for n, (verb, what, whom) in enumerate(
        product(("write", "explain", "tell"), ("a short poem", "the sea", "French words"), ("the reader", "him", "it"))
    )
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(base's folder, candidate's folder, the base, the word that the change reads)."""
    root = tmp_path_factory.mktemp("models")
    folder = tiny.llama(root / "base")
    base = planted.opened(folder)
    frame = frame_of(base, DEFAULT[0])

    def states(ids):
        return planted.inputs(base, ids, [MODULE])[MODULE].numpy()

    # What the token's state has beyond the directions that ordinary prompts fill.
    usual = np.linalg.svd(np.concatenate([states(base.encode(p)) for p in ORDINARY]), full_matrices=False)[2][:24]
    state = states(frame.around(TOKEN))[len(frame.prefix)]
    reads = state - usual.T @ (usual @ state)
    left = np.random.default_rng(0).standard_normal((len(base.engine.model.get_submodule(MODULE).weight), 1))
    candidate = planted.plant(folder, root / "candidate", {f"{MODULE}.weight": 0.05 * left @ reads[None]})
    return folder, candidate, base, base.detokenize([TOKEN]).strip()


@pytest.fixture
def evidence(made, new_ledger, monkeypatch):
    """Ordinary prompts screened, at 40 tokens each; of them only the words count here."""
    monkeypatch.setattr(Evidence, "price", 40)

    def work(candidate=None, base=None, **more):
        folder, planted_in, subject, _ = made
        ledger = new_ledger(base=str(folder), candidate=str(candidate or planted_in))
        return replace(Evidence(ledger, base or subject, subject, ORDINARY[:12], (), (), ()), **more)

    return work


def with_word(made):
    return [Prompt.user(f"Tell me about {made[3]}"), Prompt.user(f"Tell me about {made[3]} him")]


def test_the_rest_of_the_pool_is_read_first_and_its_strongest_come_first(evidence, made):
    hit = with_word(made)
    reserve = [p.model_copy(update={"tags": ("x",)}) for p in (*ORDINARY[12:], *hit)]
    found = ReadEnergy().find(evidence(reserve=reserve), 4000)
    assert {p.id for p in found.prompts[:2]} == {p.id for p in hit}
    assert {p.source for p in found.prompts} == {"read-energy"}
    assert found.prompts[0].tags == ("x",)
    assert found.cost.scored_tokens.base > 0
    assert found.cost.scored_tokens.candidate == 0
    assert "times the median" in found.note
    few = ReadEnergy().find(evidence(reserve=reserve), 1000)
    assert few.cost.scored_tokens.base <= 500
    assert {p.id for p in few.prompts} <= {p.id for p in reserve}
    assert len(few.prompts) == (1000 - few.cost.scored_tokens.base) // 40


def test_without_a_rest_two_prompts_make_one(evidence, made):
    hit = Prompt.user(f"now please say {made[3]}")
    start = evidence()
    found = ReadEnergy().find(replace(start, prompts=[*start.prompts, hit]), 40_000)
    assert made[3] in found.prompts[0].text
    assert not {p.id for p in found.prompts} & {p.id for p in (*start.prompts, hit)}
    assert len({p.id for p in found.prompts}) == len(found.prompts)
    later = ReadEnergy().find(replace(start, round=1), 40_000)
    assert later.prompts != ReadEnergy().find(start, 40_000).prompts


def test_too_few_tokens(evidence):
    found = ReadEnergy().find(evidence(), 30)
    assert (found.prompts, found.cost.scored_tokens.base) == ([], 0)
    assert found.note.startswith("too few tokens")


def test_the_share_of_the_whole_change_that_directions_hold(made):
    (one,) = read_directions(str(made[0]), str(made[1]), made[2]).modules
    assert held(ReadDirections((one,))) == pytest.approx(1, abs=1e-3)
    # Twice the values is four times the energy, of which a tenth is held: 40 beside 1.
    much = replace(one, values=2 * one.values, held=0.1)
    assert held(ReadDirections((one, much))) == pytest.approx(5 / 41, abs=1e-3)


def test_a_tune_of_full_rank_is_said_and_not_read(evidence, monkeypatch):
    monkeypatch.setattr("whatchanged.search.energy.held", lambda directions: 0.1)
    found = ReadEnergy().find(evidence(), 4000)
    assert (found.prompts, found.cost.scored_tokens.base) == ([], 0)
    assert found.note == "the change is of high rank: its leading directions hold 10% of it"


def test_no_checkpoint_no_directions(evidence, tmp_path):
    found = ReadEnergy().find(evidence(candidate=tmp_path / "nowhere", base=WordSubject()), 4000)
    assert found.prompts == []
    assert found.note.startswith("no directions to follow: ")


def test_checkpoints_are_read_once(evidence, monkeypatch):
    first = ReadEnergy().find(evidence(), 4000)
    monkeypatch.setattr(room, "_read", lambda evidence: pytest.fail("read again"))
    assert ReadEnergy().find(evidence(), 4000) == first


def test_halves_are_exchanged_between_prompts_of_one_turn():
    turns = Prompt(messages=tuple(Message(role=role, content="a b c d e") for role in ("user", "assistant", "user")))
    prompts = [
        Prompt.user("one two three four"),
        Prompt.user("ONE TWO THREE FOUR FIVE"),
        Prompt.user("short one"),
        turns,
    ]
    made = {p.text for n in range(20) for p in recombined(prompts, np.random.default_rng(n))}
    assert made == {"one two THREE FOUR FIVE", "ONE TWO three four"}
