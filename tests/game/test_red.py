"""What red proposes: new prompts, half from finders, half edits of what was foreseen worst; the same every time."""

from dataclasses import replace

import numpy as np
import pytest
from rare import Fake
from versus import COOKING, SEA

from whatchanged import registry
from whatchanged.game.red import SOURCE, edits, move
from whatchanged.pools import normalise
from whatchanged.records import Prompt
from whatchanged.subjects import Access


@pytest.fixture
def evidence(matched):
    return matched(COOKING, SEA).evidence


def worst(evidence, topic="sea"):
    return np.array([float(topic in p.tags) for p in evidence.prompts])


class Again(Fake):
    """Asked again each time; proposes prompts of the round."""

    name = "again"
    once = False
    seen: tuple[int, int] | None = None

    def find(self, evidence, tokens):
        type(self).seen = (evidence.round, tokens)
        made = [Prompt.user(f"Round {evidence.round} number {i}", source=self.name) for i in range(99)]
        return Fake.find(self, evidence, tokens)._replace(prompts=made)


def test_edits_come_from_the_worst_and_are_new(evidence):
    red, _ = move(evidence, len(evidence.prompts), worst(evidence), 48, 0)
    known = {normalise(p) for p in (*evidence.prompts, *evidence.confirmation)}
    words = [normalise(p) for p in red.prompts]
    assert len(words) == len(set(words)) == 48
    assert not known & set(words)
    assert {p.source for p in red.prompts} == {SOURCE}
    sea = {w for p in evidence.prompts if "sea" in p.tags for w in p.text.split()}
    assert all(sea & set(p.text.split()) for p in red.prompts)
    assert red.finder == ""


def test_edits_depend_on_the_seed_and_the_round_alone(evidence, new_ledger):
    def first(e, count=12):
        return [p for p, _ in zip(edits(e, worst(e), count), range(count), strict=False)]

    assert first(evidence) == first(evidence)
    assert first(evidence) != first(replace(evidence, round=1))
    assert first(evidence) != first(replace(evidence, ledger=new_ledger("other", seed=1)))


def test_edits_keep_the_tags_of_what_they_are_made_of(evidence):
    joined = next(edits(evidence, worst(evidence), 1))
    assert joined.tags == ("sea",)


def test_without_anything_unforeseen_there_are_no_edits(evidence):
    red, cost = move(evidence, len(evidence.prompts), np.zeros(len(evidence.prompts)), 48, 0)
    assert (red.prompts, cost.scored_tokens.base) == ((), 0)


def test_a_finder_has_half_of_the_prompts(evidence, monkeypatch):
    monkeypatch.setattr(registry, "finders", {"again": Again})
    red, cost = move(replace(evidence, round=7), len(evidence.prompts), worst(evidence), 40, 0)
    assert [p.source for p in red.prompts].count("again") == 20 == [p.source for p in red.prompts].count(SOURCE)
    assert Again.seen == (7, 20 * evidence.price)
    assert (red.finder, cost.scored_tokens.base) == ("again", 30)


def test_finders_take_turns_and_those_that_have_said_all_have_none(evidence, monkeypatch):
    class Third(Again):
        name = "third"

    class Weights(Again):
        name = "weights"
        needs = Access.weights

    monkeypatch.setattr(registry, "finders", {"fake": Fake, "again": Again, "third": Third, "weights": Weights})
    evidence.base.access = Access.logits
    asked = [move(evidence, len(evidence.prompts), worst(evidence), 8, turn)[0].finder for turn in range(4)]
    assert asked == ["again", "third", "again", "third"]
