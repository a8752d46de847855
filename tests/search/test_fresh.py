"""The prompts of a test: the pool's own, or new ones of the kind that a finder made."""

import pytest
from claims import finding
from law import hypothesis

from whatchanged import registry
from whatchanged.errors import SpecError
from whatchanged.records import Prompt, Region
from whatchanged.registry import Registry
from whatchanged.search import fresh_prompts
from whatchanged.search.fresh import MADE

PROMPTS = [Prompt.user(f"Question {n}{' about soup' if n % 4 == 0 else ''}") for n in range(200)]
SOUP = Region(kind="mentions", values=("soup",))


@pytest.fixture(autouse=True)
def fakes(monkeypatch):
    monkeypatch.setattr(registry, "finders", Registry("finders", {"fake": "rare:Fake", "other": "rare:Other"}))


@pytest.mark.parametrize("claim", [hypothesis, lambda _, **rest: finding(**rest)], ids=["hypothesis", "finding"])
def test_without_a_finder_they_are_the_pools_in_the_region_and_in_order(claim):
    assert fresh_prompts(claim(0, region=SOUP), PROMPTS) == PROMPTS[::4]
    assert fresh_prompts(claim(0, region=Region()), PROMPTS) == PROMPTS
    assert fresh_prompts(claim(0, region=SOUP), PROMPTS[1:4]) == []


@pytest.mark.parametrize("claim", [hypothesis, lambda _, **rest: finding(**rest)], ids=["hypothesis", "finding"])
def test_with_a_finder_they_are_its_own_alone(claim):
    made = fresh_prompts(claim(0, region=Region(), finder="other"), PROMPTS)
    assert [p.text for p in made[:2]] == ["Question 0 about soup indeed", "Question 1 indeed"]
    assert len(made) == MADE
    assert {p.source for p in made} == {"other"}
    assert len(fresh_prompts(claim(0, region=Region(), finder="other"), PROMPTS[:5])) == 5


def test_a_finder_that_makes_none_leaves_it_to_the_pool():
    assert fresh_prompts(hypothesis(0, region=SOUP, finder="fake"), PROMPTS) == PROMPTS[::4]


def test_a_finder_that_is_no_longer_there_is_named():
    with pytest.raises(SpecError, match="unknown finder 'gone': one of fake, other"):
        fresh_prompts(hypothesis(0, finder="gone"), PROMPTS)
