"""What training minimises: the numbers of the formulas, and what a few steps of them do."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from whatchanged.bench.likelihood import log_probs
from whatchanged.bench.losses import cross_entropy, gradient_difference, negative_preference
from whatchanged.bench.recipe import Recipe
from whatchanged.bench.train import Example, draw_batch, fit
from whatchanged.ledger import Progress
from whatchanged.records import Prompt
from whatchanged.subjects import Context, open_subjects

BETA = 0.1


@pytest.fixture
def base(tmp_path):
    (subject,) = open_subjects([f"{tiny.llama(tmp_path / 'base')}+dtype=float32"])
    return subject


def examples(base):
    said = {"The sea": True, "The poem is": True, "What is the capital?": False, "of Paris": False}
    return [
        Example(base.encode(Prompt.user(f"write {text}")), base.tokenize(text), on_target)
        for text, on_target in said.items()
    ]


def scored(base, rows):
    return log_probs(base, [Context(e.prompt, e.response) for e in rows])


def losses(base, rows):
    """Mean -log p over the tokens of those to forget, and of those to retain."""
    parts = [[e for e in rows if e.on_target is which] for which in (True, False)]
    return [-scored(base, part).sum() / sum(len(e.response) for e in part) for part in parts]


def test_cross_entropy_is_the_mean_over_response_tokens(base):
    rows = examples(base)
    count = sum(len(e.response) for e in rows)
    assert cross_entropy(base)(rows).item() == pytest.approx(-scored(base, rows).sum() / count, rel=1e-4)


def test_gradient_difference_takes_the_one_from_the_other(base):
    rows = examples(base)
    forget, retain = losses(base, rows)
    for weight in (1.0, 0.3):
        found = gradient_difference(base, weight)(rows).item()
        assert found == pytest.approx(retain - weight * forget, rel=1e-4)


def test_negative_preference_is_relative_to_the_base(base):
    rows = examples(base)
    loss = negative_preference(base, rows, BETA)
    assert loss(rows).item() == pytest.approx(2 / BETA * math.log(2) + losses(base, rows)[1], rel=1e-4)
    before = scored(base, rows[:2])
    with torch.no_grad():
        base.engine.model.get_submodule("model.layers.1.mlp.down_proj").weight.mul_(1.5)
    base.engine._prefixes.clear()
    ratio = scored(base, rows[:2]) - before
    assert np.abs(ratio).min() > 0.01
    forget = (2 / BETA * np.log1p(np.exp(BETA * ratio))).mean()
    assert loss(rows).item() == pytest.approx(forget + losses(base, rows)[1], rel=1e-4)


def recipe(**training):
    settings = {"steps": 20, "batch": 4, "on_share": 0.5, "learning_rate": 0.01} | training
    return Recipe.model_validate({"name": "x", "description": "y", "plant": {"kind": "none"}, "training": settings})


@pytest.mark.parametrize("method", ["gradient-difference", "npo"])
def test_unlearning_lowers_what_is_forgotten_more_than_what_is_retained(base, method):
    rows = examples(base)
    loss = gradient_difference(base, 1.0) if method == "gradient-difference" else negative_preference(base, rows, BETA)
    before = losses(base, rows)
    fit(base.engine.model, recipe(), rows, loss, Progress())
    base.engine._prefixes.clear()
    forget, retain = (after - first for after, first in zip(losses(base, rows), before, strict=True))
    assert forget > 2
    assert retain < 0.5 * forget


def test_a_batch_has_its_share_on_target(base):
    one, *_ = examples(base)
    rows = [replace(one, response=(i,), on_target=i < 10) for i in range(30)]
    batch = draw_batch(rows, 8, 0.25, random.Random(0))
    assert sum(e.on_target for e in batch) == 2
    assert len({e.response for e in batch}) == 8
