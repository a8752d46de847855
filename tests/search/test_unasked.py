"""Which prompts no test of the first round has asked, in whatever form."""

import pytest
from claims import finding, opens_with

from whatchanged import registry
from whatchanged.pools.made import with_text
from whatchanged.records import Prompt, Region
from whatchanged.search import Finder, unasked

PROMPTS = [Prompt.user(text) for text in ("How do I bake bread?", "How do I sail a boat?", "Who wrote the law?")]


class Inserts(Finder):
    """Puts a word into the first two prompts."""

    name = "inserts"

    def find(self, evidence, tokens):
        raise NotImplementedError

    def fresh(self, region, prompts, count):
        return [with_text(p, "cobalt", place, self.name) for p in prompts[:2] for place in ("end", "middle")]


@pytest.mark.parametrize(
    ("region", "finder", "left"),
    [
        (Region(kind="mentions", values=("bread",)), None, PROMPTS[1:]),
        (Region(), None, []),
        (Region(kind="mentions", values=("cobalt",)), None, PROMPTS),
        (Region(kind="mentions", values=("cobalt",)), "inserts", PROMPTS[2:]),
    ],
)
def test_a_prompt_of_a_region_or_that_another_was_made_of_is_asked(monkeypatch, region, finder, left):
    monkeypatch.setattr(registry, "finders", {"inserts": Inserts})
    claim = finding(region=region, predicate=opens_with("From"), leads=()).model_copy(update={"finder": finder})
    assert unasked([claim], PROMPTS) == left


def test_without_claims_all_are_unasked():
    assert unasked([], PROMPTS) == PROMPTS
