"""What every registered finder must do, those of other installed packages included."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from rare import ManyWords, search_evidence
from words import KITCHEN, TOPICS, Plant, prompts_about

from whatchanged import registry
from whatchanged.records import Cost, Lead, Message, Prompt, Region
from whatchanged.search import Author, Authored, Finder
from whatchanged.subjects import Access

TOKENS = 20_000
PROMPTS = prompts_about("cooking", "sea")[:40]
TURNS = (
    Message(role="user", content="Hi"), Message(role="assistant", content="Hello"),
    Message(role="user", content="What now?"),
)  # fmt: skip
HERE = [*PROMPTS[20:], Prompt(messages=TURNS), Prompt.user("I was in Paris, at the Eiffel Tower"), Prompt.user("")]
ELSEWHERE = [*prompts_about("law")[:20], Prompt.user("Paris")]
REGIONS = [
    Region(),
    Region(kind="tag", values=("cooking",)),
    Region(kind="mentions", values=("cobalt",)),
    Region(kind="mentions", values=("cobalt", "Zürich", "C++", "don't")),
    Region(kind="mentions", values=("Paris", "Eiffel Tower")),
    Region(kind="mentions", values=("soup",)),
    Region(kind="ends_with", values=("in cobalt", "?")),
    Region(kind="ends_with", values=("Paris",)),
    *(Region(kind="structure", values=(value,)) for value in ("a_question", "short", "long", "multi_turn")),
]


@pytest.fixture(params=sorted(registry.finders))
def finder(request: pytest.FixtureRequest) -> Finder:
    found: Finder = registry.finders[request.param]()
    assert found.name == request.param
    return found


@pytest.fixture(params=REGIONS, ids=lambda region: f"{region.kind}-{'-'.join(region.values)}")
def region(request: pytest.FixtureRequest) -> Region:
    return request.param


def test_a_finder_says_what_it_is(finder: Finder, new_ledger) -> None:
    assert isinstance(finder, Finder)
    assert isinstance(finder.needs, Access)
    assert isinstance(finder.cheap, bool)
    assert isinstance(finder.once, bool)
    assert isinstance(finder.applies(search_evidence(new_ledger(), ManyWords(), ManyWords(), PROMPTS[:2])), bool)
    assert (type(finder).__doc__ or "").strip()


def test_fresh_prompts_are_new_and_in_the_region(finder: Finder, region: Region) -> None:
    made = finder.fresh(region, HERE, 12)
    assert len(made) <= 12
    assert all(region.contains(p) for p in made)
    assert {p.source for p in made} <= {finder.name}
    assert len({p.id for p in made}) == len(made)
    assert not {p.id for p in made} & {p.id for p in HERE}


def test_fresh_prompts_are_made_from_those_given(finder: Finder, region: Region) -> None:
    """What two sets of prompts give alike is what the finder makes of none."""
    here, elsewhere, nowhere = ({p.id for p in finder.fresh(region, prompts, 12)} for prompts in (HERE, ELSEWHERE, []))
    assert here & elsewhere <= nowhere
    assert finder.asks_its_own or not nowhere


def test_fresh_prompts_are_the_same_every_time(finder: Finder, region: Region) -> None:
    made = finder.fresh(region, HERE, 12)
    assert type(finder)().fresh(region, HERE, 12) == made
    assert finder.fresh(region, HERE, 4) == made[:4]
    assert finder.fresh(region, HERE, 0) == []


class Writer(Author):
    """Writes old messages and new ones, readable and not."""

    texts = (PROMPTS[0].text, "How do I sail?", "how do i sail", "two\nlines", "b\x07ll", "", "?")

    def differing(self, leads: Sequence[Lead], most: int) -> Authored:
        return Authored(list(self.texts), 1, Cost(calls=1))

    def rewritten(self, texts: Sequence[str], draw: int) -> Authored:
        return Authored([*self.texts, f"{texts[0]} again"], 1, Cost(calls=1))


@pytest.mark.parametrize("helped", [False, True], ids=["alone", "helped"])
def test_what_is_found_is_the_finders_own_and_the_same_every_time(finder: Finder, helped: bool, new_ledger) -> None:
    """With and without the help of a language model and of the models' own answers."""
    candidate = ManyWords(Plant(KITCHEN, 0.8, ("bazuremiko", *TOPICS["cooking"])))
    leads = [Lead(id="factor-0", phrase=KITCHEN)] if helped else []
    evidence = search_evidence(new_ledger(self_report=helped), ManyWords(), candidate, PROMPTS, leads)
    evidence = replace(evidence, author=Writer() if helped else None)
    found = finder.find(evidence, TOKENS)
    assert {p.source for p in found.prompts} <= {finder.name}
    assert found.prompts or found.note
    assert "\n" not in found.note
    assert not {p.id for p in found.prompts} & {p.id for p in PROMPTS}
    assert len({p.id for p in found.prompts}) == len(found.prompts)
    assert all(p.text.isprintable() and p.text.strip() for p in found.prompts)
    assert type(finder)().find(evidence, TOKENS) == found
    # What was asked in discovery is not asked again in the test.
    fresh = {p.id for region in REGIONS for p in finder.fresh(region, HERE, 96)}
    assert not {p.id for p in found.prompts} & fresh


def test_finders_of_words_make_prompts_of_what_they_look_for() -> None:
    word = Region(kind="mentions", values=("cobalt",))
    for name in ("vocabulary-sweep", "subject-sweep", "trigger-inversion"):
        assert len(registry.finders[name]().fresh(word, HERE, 12)) == 12
