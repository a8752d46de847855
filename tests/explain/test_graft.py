"""Grafting everything is the candidate, removing everything the base; the carriers carry, random tensors do not."""

import numpy as np
import pytest
from plant import CITY, SEA, digests, exact

from whatchanged.elicit import opening_probabilities
from whatchanged.explain.attribute import attribution
from whatchanged.explain.change import Change
from whatchanged.explain.graft import carriers, fewest, grafted, grafting_curve
from whatchanged.explain.score import Score, first_tokens

PAIRS = [("llama", "lora"), ("llama", "full"), ("neox", "neox_full")]


@pytest.fixture(params=PAIRS, ids="-".join)
def setting(request, planted):
    subjects = exact(*(planted[name] for name in request.param))
    change = Change(*subjects)
    return subjects, change, Score(change, SEA, ["Paris"])


def test_all_is_the_candidate_and_none_the_base(setting):
    (base, candidate), change, score = setting
    before = digests(base, candidate)
    p, q = (opening_probabilities(s, SEA[:16], ["Paris"])[0] for s in (base, candidate))
    every = grafted(change, score, list(change.deltas))
    assert (every.added, every.removed) == pytest.approx((q.mean(), p.mean()), rel=1e-4)
    assert every == grafted(change, score, list(change.deltas), 1.0)
    none = grafted(change, score, [])
    assert (none.added, none.removed, none.added_score, none.removed_score) == (
        every.removed, every.added, every.removed_score, every.added_score
    )  # fmt: skip
    for share, subject in enumerate((base, candidate)):
        change.place(float(share))
        live = dict(subject.engine.model.named_parameters())
        for name in change.deltas:
            if name in live and subject.adapter is None:
                assert (change.parameters[name] == live[name]).all()
    assert digests(base, candidate) == before


def test_the_rest_of_what_is_grafted_is_removed(setting):
    _, change, score = setting
    names = list(change.deltas)
    some, rest = grafted(change, score, names[::2]), grafted(change, score, names[1::2])
    assert some.added == pytest.approx(rest.removed, rel=1e-4)
    half = grafted(change, score, names, 0.5)
    assert half.added == pytest.approx(half.removed, rel=1e-4)
    assert grafted(change, score, [], 1.0).added < half.added < grafted(change, score, names).added


def test_the_curve_goes_from_base_to_candidate(setting):
    _, change, score = setting
    found = attribution(change, score)
    curve = grafting_curve(change, score, found, seed=4)
    counts = [p.modules for p in curve.points]
    assert counts[-1] == len(change.deltas)
    assert counts[:-1] == [2**i for i in range(len(counts) - 1)]
    last = curve.points[-1]
    for end in (last.grafted, last.random_grafted):
        assert end == pytest.approx(curve.rate_candidate, rel=1e-4)
    for end in (last.removed, last.random_removed):
        assert end == pytest.approx(curve.rate_base, abs=1e-6)
    assert last.energy == pytest.approx(1)
    assert [p.energy for p in curve.points] == sorted(p.energy for p in curve.points)
    assert curve == grafting_curve(change, score, found, seed=4)
    assert sum(p.grafted for p in curve.points) >= sum(p.random_grafted for p in curve.points)


def test_carriers_carry_what_they_say(setting):
    _, change, score = setting
    found = attribution(change, score)
    held = carriers(change, score, found, CITY)
    base, candidate = (grafted(change, score, names).added for names in ([], list(change.deltas)))
    added = grafted(change, score, held.grafting.members)
    assert (added.added - base) / (candidate - base) == pytest.approx(held.grafting.share, rel=1e-4)
    assert held.grafting.share >= 0.8
    removed = grafted(change, score, held.removing.members)
    assert (candidate - removed.removed) / (candidate - base) == pytest.approx(held.removing.share, rel=1e-4)
    assert held.removing.share >= 0.8
    assert held.removing.members == found.order[: held.removing.count]
    if held.removing.count > 1:
        fewer = grafted(change, score, held.removing.members[:-1])
        assert (candidate - fewer.removed) / (candidate - base) < 0.8
    assert held.directions is not None
    assert held.directions.share >= 0.8
    assert held.directions.energy <= held.removing.energy + 1e-6
    assert 0 < held.elsewhere_moved < 1
    assert 0 < held.elsewhere_with < 1


def test_without_prompts_elsewhere_nothing_is_measured_there(planted):
    change = Change(*exact(planted["llama"], planted["lora"]))
    score = Score(change, SEA[:2], ["Paris"])
    held = carriers(change, score, attribution(change, score))
    assert (held.elsewhere_with, held.elsewhere_without, held.elsewhere_moved) == (None, None, None)


def test_first_tokens_are_the_subjects_own(planted):
    base, candidate = exact(planted["llama"], planted["lora"])
    change = Change(base, candidate)
    change.place(1.0)
    laws = first_tokens(change, CITY[:3]).numpy()
    tops = candidate.first_tokens(CITY[:3], 1, 1.0)
    for law, top in zip(laws, tops, strict=True):
        assert law.sum() == pytest.approx(1, rel=1e-4)
        assert np.log(law.max()) == pytest.approx(max(top.log_probs.values()), rel=1e-3)


@pytest.mark.parametrize("least", [1, 2, 3, 5, 8, 9])
def test_fewest_is_the_least_that_reaches_the_target(least):
    asked = []

    def measure(k):
        asked.append(k)
        return float(k >= least) * 0.9

    assert fewest(measure, 9, 0.8) == (least, 0.9)
    assert len(asked) <= 7
    assert fewest(lambda k: 0.1 * k, 3, 0.8) == (3, pytest.approx(0.3))
    assert fewest(measure, 0, 0.8) == (0, 0.0)
