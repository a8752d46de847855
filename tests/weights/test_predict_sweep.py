"""Planted read directions are found: a token's by the vocabulary sweep, a name's by the subject sweep."""

import numpy as np
import planted
import pytest
import tiny
import torch

from whatchanged.errors import SpecError
from whatchanged.records import Prompt
from whatchanged.weights.predict import ReadDirections, load_entities, subject_sweep, vocabulary_sweep
from whatchanged.weights.predict import sweep as room
from whatchanged.weights.predict.frames import DEFAULT, frame_of
from whatchanged.weights.predict.standing import Yardstick

LLAMA = "model.layers.1.mlp.down_proj"
NEOX = "gpt_neox.layers.1.attention.query_key_value"
NAMES = load_entities()[::4]


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", params=[(tiny.llama, LLAMA), (tiny.neox, NEOX)], ids=["llama", "neox"])
def base(request, tmp_path_factory):
    make, path = request.param
    folder = make(tmp_path_factory.mktemp("models") / "base")
    return folder, planted.opened(folder), path


def planting(base, tmp_path, states):
    """dW with these states [k, in] as its read directions."""
    folder, subject, path = base
    rows = len(subject.engine.model.get_submodule(path).weight)
    left = np.random.default_rng(0).standard_normal((rows, len(states)))
    return planted.directions(folder, tmp_path / "candidate", subject, {f"{path}.weight": 0.05 * left @ states})


def states_at(base, token, templates):
    """float[templates, in]: the module's inputs at the token, less what other tokens have there on average."""
    _, subject, path = base

    def state(frame, t):
        return planted.inputs(subject, frame.around(t), [path])[path][len(frame.prefix)].numpy()

    frames = [frame_of(subject, t) for t in templates]
    return np.stack([state(f, token) - np.mean([state(f, t) for t in range(40, 80, 4)], 0) for f in frames])


@pytest.mark.parametrize("token", [41, 290, 296])
def test_a_planted_token_comes_first(base, tmp_path, token):
    states = states_at(base, token, DEFAULT[:1])
    found = vocabulary_sweep(base[1], planting(base, tmp_path, states), DEFAULT[:1], top=5)
    assert found[0].token_id == token
    assert found[0].text == base[1].detokenize([token])
    assert (found[0].module, found[0].shift) == (base[2], None)
    assert [s.score for s in found] == sorted((s.score for s in found), reverse=True)
    assert len(found) == 5


def test_all_templates_with_a_reference_smaller_than_the_vocabulary(base, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "REFERENCE", 60)
    monkeypatch.setattr(room, "LEADING", 30)
    directions = planting(base, tmp_path, states_at(base, 290, DEFAULT))
    found = vocabulary_sweep(base[1], directions, top=100)
    assert found[0].token_id == 290
    assert len(found) == 30
    assert len({s.token_id for s in found}) == 30


def test_batches_change_nothing(base, tmp_path):
    directions = planting(base, tmp_path, states_at(base, 290, DEFAULT))
    one, many = (vocabulary_sweep(base[1], directions, DEFAULT[:2], batch_tokens=n) for n in (1, 5000))
    np.testing.assert_allclose([s.score for s in one[:20]], [s.score for s in many[:20]], rtol=1e-2)
    assert [s.token_id for s in one[:3]] == [s.token_id for s in many[:3]]


def test_only_what_a_user_could_write(base, tmp_path):
    found = vocabulary_sweep(
        base[1], planting(base, tmp_path, states_at(base, 290, DEFAULT[:1])), DEFAULT[:1], top=1000
    )
    assert 100 < len(found) < 300
    assert all(s.text.strip() and s.text.isprintable() and "\ufffd" not in s.text for s in found)
    assert not {0, 1, 2} & {s.token_id for s in found}  # special tokens


def test_with_the_candidate_the_measured_shift_orders(base, tmp_path):
    directions = planting(base, tmp_path, states_at(base, 290, DEFAULT[:1]))
    candidate = planted.opened(tmp_path / "candidate")
    found = vocabulary_sweep(base[1], directions, DEFAULT[:1], top=20, candidate=candidate)
    shifts = [s.shift for s in found]
    assert shifts == sorted(shifts, reverse=True)
    assert len(found) == 20
    frame = frame_of(base[1], DEFAULT[0])
    for swept in found[::7]:
        with torch.inference_mode():
            ids = torch.tensor([frame.around(swept.token_id)])
            p, q = (s.engine.model(ids).logits[0, -1].log_softmax(-1) for s in (base[1], candidate))
        assert swept.shift == pytest.approx(float(((p.exp() - q.exp()) * (p - q)).sum()), rel=1e-2, abs=1e-5)


@pytest.mark.parametrize("name", ["Ada Lovelace", "The Louvre"])
def test_a_planted_name_is_found(base, tmp_path, name):
    _, subject, path = base
    assert name not in NAMES

    def state(text):
        """At the name's last token: one before what the template has after it."""
        ids = subject.encode(Prompt.user(f"Tell me about {text}"))
        return planted.inputs(subject, ids, [path])[path][len(ids) - len(frame_of(subject, DEFAULT[0]).suffix) - 1]

    key = state(name) - torch.stack([state(other) for other in NAMES]).mean(0)
    directions = planting(base, tmp_path, key.numpy()[None])
    found = subject_sweep(subject, directions, [*NAMES, name], DEFAULT[:1], top=5)
    assert name in [s.text for s in found]
    assert (len(found), found[0].token_id, found[0].module) == (5, None, path)
    one = subject_sweep(subject, directions, [*NAMES, name], DEFAULT[:1], top=5, batch_tokens=1)
    assert [s.text for s in one] == [s.text for s in found]


def test_a_frame_is_the_template_cut_at_its_gap(base):
    subject = base[1]
    for template in (*DEFAULT, "{}, please", "Is {} old?"):
        frame = frame_of(subject, template)
        for word in ("Q", "7"):  # tokens of their own
            (token,) = subject.tokenize(word)
            written = subject.encode(Prompt.user(template.replace("{}", word)))
            # A space before the gap may belong to the token that goes there.
            ours, theirs = (subject.detokenize(ids).replace(" ", "") for ids in (frame.around(token), written))
            assert ours == theirs


@pytest.mark.parametrize("template", ["no gap", "{} and {}"])
def test_a_template_has_one_gap(base, template):
    with pytest.raises(SpecError, match=r"write \{\} once"):
        vocabulary_sweep(base[1], ReadDirections(()), [template])


def test_nothing_changed(base):
    assert vocabulary_sweep(base[1], ReadDirections(())) == []
    assert subject_sweep(base[1], ReadDirections(())) == []


def test_the_yardstick_by_hand():
    """Two positions, three modules: the first varies at the first position only, the last two hardly or never."""
    first = np.array([1.0, 2, 3, 4, 5])
    table = np.zeros((5, 2, 3), np.float32)
    table[:, 0, 0], table[:, 1, 0], table[:, :, 1] = first, 3 + 1e-3 * first, 7
    stick = Yardstick.of(table)
    np.testing.assert_allclose(stick.spread, [1.4826, 0.07, np.inf], rtol=1e-5)
    row = np.array([[3, 7, 0], [3.003 + 1.4826, 7, 0]], np.float32)
    standing = stick.standing(row)
    assert (standing.module, standing.z) == (0, pytest.approx(1.0, abs=1e-5))
    assert standing.score == pytest.approx(np.log(2) / 3, abs=1e-5)


def test_the_names_that_come_with_it():
    names = load_entities()
    assert len(names) == len(set(names)) > 390
    assert all(n == n.strip() and n for n in names)
